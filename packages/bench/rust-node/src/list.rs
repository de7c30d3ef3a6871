use std::{net::SocketAddr, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use memberlist::{
    Memberlist, Options,
    delegate::{CompositeDelegate, EventDelegate, NodeDelegate, VoidDelegate},
    net::NetTransportOptions,
    proto::{ChecksumAlgorithm, CompressAlgorithm, EncryptionAlgorithm, SecretKey},
    tokio::{TokioNetTransport, TokioSocketAddrResolver, TokioTcp},
};
use smol_str::SmolStr;

use crate::Failure;

pub type Id = SmolStr;
type NoDelegate = VoidDelegate<Id, SocketAddr>;
type Transport = TokioNetTransport<Id, TokioSocketAddrResolver, TokioTcp>;
pub type List<E, N> = Memberlist<
    Transport,
    CompositeDelegate<Id, SocketAddr, NoDelegate, NoDelegate, E, NoDelegate, N, NoDelegate>,
>;

/// The settings that both kinds of nodes share.
pub struct Layers {
    pub name: String,
    pub compress: bool,
    /// In base64.
    pub key: Option<String>,
    pub verify_incoming: bool,
    pub packet_size: usize,
}

/// How many messages may wait for the delegate: as many as for the other contenders.
const HANDOFF_QUEUE_DEPTH: usize = 65_536;

/// Starts a member as the bench starts each contender: without push/pulls of its own, and with the layers that the case asks for. Snappy replaces LZW, which the
/// crate does not have.
pub async fn start<E, N>(
    layers: Layers,
    events: E,
    node: N,
    change: impl FnOnce(Options) -> Options,
) -> Result<List<E, N>, Failure>
where
    E: EventDelegate<Id = Id, Address = SocketAddr>,
    N: NodeDelegate,
{
    let mut options = Options::lan()
        .with_push_pull_interval(Duration::ZERO)
        .with_handoff_queue_depth(HANDOFF_QUEUE_DEPTH)
        .with_checksum_algo(ChecksumAlgorithm::Crc32);
    if layers.compress {
        options = options.with_compress_algo(CompressAlgorithm::Snappy);
    }
    if let Some(key) = &layers.key {
        options = options
            .with_primary_key(secret_key(&BASE64_STANDARD.decode(key)?)?)
            .with_encryption_algo(EncryptionAlgorithm::NoPadding)
            .with_gossip_verify_outgoing(true)
            .with_gossip_verify_incoming(layers.verify_incoming);
    }
    let mut transport =
        NetTransportOptions::<Id, TokioSocketAddrResolver, TokioTcp>::new(layers.name.into())
            .with_max_packet_size(layers.packet_size);
    transport.add_bind_address("127.0.0.1:0".parse()?);
    let delegate = CompositeDelegate::<Id, SocketAddr>::new()
        .with_event_delegate(events)
        .with_node_delegate(node);
    Ok(Memberlist::with_delegate(delegate, transport, change(options)).await?)
}

fn secret_key(bytes: &[u8]) -> Result<SecretKey, Failure> {
    Ok(match bytes.len() {
        16 => SecretKey::Aes128(bytes.try_into()?),
        24 => SecretKey::Aes192(bytes.try_into()?),
        32 => SecretKey::Aes256(bytes.try_into()?),
        other => return Err(format!("a key of {other} bytes").into()),
    })
}

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use bytes::BytesMut;
use memberlist::{
    proto::{
        Ack, Alive, Data, Message, MessageRef, MessagesDecoder, Meta, Node, Ping, ProtoDecoder,
        ProtoEncoder, PushNodeState, PushPull, State,
    },
    tokio::TokioRuntime,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

use crate::{Failure, Lines, answer, list::Id};

#[derive(Deserialize)]
struct Task {
    count: usize,
}

#[derive(Deserialize)]
struct Order {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    count: usize,
    #[serde(default)]
    name: String,
}

#[derive(Serialize)]
struct Answer {
    /// Packets received so far.
    packets: u64,
}

/// As in ../../src/protocol/go-wire-peers.ts.
const PACKET_BYTES: usize = 1_394;
/// No limit: a push/pull is one message.
const STREAM_BYTES: usize = usize::MAX / 2;

/// The same members as in ../../src/protocol/go-wire-peers.ts, in the crate's own wire form.
struct Peers {
    count: usize,
    port: u16,
    udp: UdpSocket,
    packets: AtomicU64,
    seq_no: AtomicU32,
}

pub async fn run(mut lines: Lines) -> Result<(), Failure> {
    let task: Task = lines.next().await?.ok_or("no task")?;
    let tcp = TcpListener::bind("0.0.0.0:0").await?;
    let port = tcp.local_addr()?.port();
    let udp = UdpSocket::bind(("0.0.0.0", port)).await?;
    let peers = Arc::new(Peers {
        count: task.count,
        port,
        udp,
        packets: AtomicU64::new(0),
        seq_no: AtomicU32::new(0),
    });
    let reading = Arc::clone(&peers);
    tokio::spawn(async move { reading.read_packets().await });
    let listening = Arc::clone(&peers);
    tokio::spawn(async move {
        while let Ok((stream, _)) = tcp.accept().await {
            let peers = Arc::clone(&listening);
            tokio::spawn(async move { peers.answer_push_pull(stream).await });
        }
    });
    answer(&Answer { packets: 0 })?;
    while let Some(order) = lines.next::<Order>().await? {
        let member = SocketAddr::from((Ipv4Addr::LOCALHOST, order.port));
        match order.what.as_str() {
            "push-pull" => peers.push_pull(member, order.count).await?,
            "storm" => peers.storm(member).await?,
            "ping" => peers.ping(member, &order.name).await?,
            "mark" => (),
            other => return Err(format!("unknown order {other}").into()),
        }
        answer(&Answer {
            packets: peers.packets.load(Relaxed),
        })?;
    }
    Ok(())
}

impl Peers {
    fn node(&self, i: usize) -> Node<Id, SocketAddr> {
        let ip = Ipv4Addr::new(127, 1 + (i >> 16) as u8, (i >> 8) as u8, i as u8);
        Node::new(name_of(i), SocketAddr::from((ip, self.port)))
    }

    fn alive(&self, i: usize, incarnation: u32) -> Message<Id, SocketAddr> {
        Alive::new(incarnation, self.node(i))
            .with_meta(meta_of(i))
            .into()
    }

    /// Starts a push/pull that gives a member the first `count` peers. Returns when the member has closed the stream.
    async fn push_pull(&self, member: SocketAddr, count: usize) -> Result<(), Failure> {
        let mut stream = TcpStream::connect(member).await?;
        stream.write_all(&self.states(count)?).await?;
        stream.read_to_end(&mut Vec::new()).await?;
        Ok(())
    }

    async fn answer_push_pull(&self, mut stream: TcpStream) -> Result<(), Failure> {
        let mut first = [0; 1];
        stream.read_exact(&mut first).await?;
        stream.write_all(&self.states(self.count)?).await?;
        stream.read_to_end(&mut Vec::new()).await?;
        Ok(())
    }

    fn states(&self, count: usize) -> Result<Vec<u8>, Failure> {
        let states = (0..count).map(|i| {
            let (id, address) = self.node(i).into_components();
            PushNodeState::new(incarnation_of(i), id, address, State::Alive).with_meta(meta_of(i))
        });
        let message = PushPull::new(false, states).into();
        Ok(encode(STREAM_BYTES, vec![message])?.concat())
    }

    /// Sends a member the alive messages of all peers at once, in full packets.
    async fn storm(&self, member: SocketAddr) -> Result<(), Failure> {
        let all = (0..self.count)
            .map(|i| self.alive(i, incarnation_of(i)))
            .collect();
        for packet in encode(PACKET_BYTES, all)? {
            self.udp.send_to(&packet, member).await?;
        }
        Ok(())
    }

    /// Pings a member from the next peer.
    async fn ping(&self, member: SocketAddr, name: &str) -> Result<(), Failure> {
        let seq_no = self.seq_no.fetch_add(1, Relaxed) + 1;
        let ping = Ping::new(
            seq_no,
            self.node(seq_no as usize % self.count),
            Node::new(name.into(), member),
        );
        self.send(member, ping.into()).await
    }

    async fn send(&self, to: SocketAddr, message: Message<Id, SocketAddr>) -> Result<(), Failure> {
        for packet in encode(PACKET_BYTES, vec![message])? {
            self.udp.send_to(&packet, to).await?;
        }
        Ok(())
    }

    async fn read_packets(&self) {
        let mut buffer = vec![0; 65_536];
        while let Ok((size, from)) = self.udp.recv_from(&mut buffer).await {
            self.packets.fetch_add(1, Relaxed);
            if let Err(error) = self.read_packet(&buffer[..size], from).await {
                eprintln!("{error}");
            }
        }
    }

    /// Answers pings, and refutes suspicions.
    async fn read_packet(&self, packet: &[u8], from: SocketAddr) -> Result<(), Failure> {
        let clear = ProtoDecoder::new()
            .decode::<TokioRuntime>(BytesMut::from(packet))
            .await?;
        let messages = MessagesDecoder::<Id, SocketAddr, _>::new(clear)?;
        let mut answers = Vec::new();
        for message in messages.iter() {
            match message? {
                MessageRef::Ping(ping) => answers.push(Ack::new(ping.sequence_number()).into()),
                MessageRef::Suspect(suspect) => {
                    let name = Id::from_ref(*suspect.node())?;
                    if let Some(i) = number_of(&name).filter(|&i| i < self.count) {
                        answers.push(self.alive(i, suspect.incarnation() + 1));
                    }
                }
                _ => (),
            }
        }
        for answer in answers {
            self.send(from, answer).await?;
        }
        Ok(())
    }
}

fn encode(most: usize, messages: Vec<Message<Id, SocketAddr>>) -> Result<Vec<Vec<u8>>, Failure> {
    let encoder = ProtoEncoder::new(most).with_messages(messages);
    encoder
        .encode()
        .map(|packet| Ok(packet?.as_slice().to_vec()))
        .collect()
}

// As in ../../src/payloads.ts.

fn name_of(i: usize) -> Id {
    format!("node-{i}.dc-{}.example", i % 3).into()
}

fn number_of(name: &str) -> Option<usize> {
    name.strip_prefix("node-")?.split('.').next()?.parse().ok()
}

fn meta_of(i: usize) -> Meta {
    Meta::try_from(format!("role=web;build=2026.11.{}", i % 30).as_str())
        .expect("metadata is short")
}

fn incarnation_of(i: usize) -> u32 {
    1 + (i % 7) as u32
}

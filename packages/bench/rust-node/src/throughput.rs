use std::{
    borrow::Cow,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use memberlist::{
    delegate::{NodeDelegate, VoidDelegate},
    proto::MaybeResolvedAddress,
};
use serde::{Deserialize, Serialize};

use crate::{
    Failure, Lines,
    acks::AckSource,
    answer,
    list::{self, Layers},
    sender::Sender,
    usage,
};

#[derive(Deserialize)]
struct Task {
    role: String,
    compress: bool,
    key: Option<String>,
    buffer: usize,
    payloads: Vec<String>,
    port: u16,
    acks: u16,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Order {
    pub window: Option<u64>,
    pub rate: Option<f64>,
    pub senders: Option<usize>,
    pub stop: Option<bool>,
    tap: Option<u16>,
}

impl Order {
    fn is_empty(&self) -> bool {
        self.window.is_none() && self.rate.is_none() && self.stop.is_none()
    }
}

#[derive(Serialize)]
struct Ports {
    port: u16,
    acks: u16,
}

#[derive(Serialize)]
struct Mark {
    count: u64,
    bad: u64,
    /// The crate sends each message in a packet of its own.
    packets: u64,
    cpu: i64,
    at: f64,
}

/// Counts messages that arrive as they were sent, and others.
struct Counter {
    payloads: Vec<Bytes>,
    count: AtomicU64,
    bad: AtomicU64,
    acks: Arc<AckSource>,
}

struct Counting(Arc<Counter>);

impl NodeDelegate for Counting {
    async fn notify_message(&self, message: Cow<'_, [u8]>) {
        let counter = &self.0;
        let expected = message
            .first()
            .and_then(|&index| counter.payloads.get(usize::from(index)));
        if expected.is_some_and(|payload| payload[..] == message[..]) {
            counter
                .acks
                .counted(counter.count.fetch_add(1, Relaxed) + 1);
        } else {
            counter.bad.fetch_add(1, Relaxed);
        }
    }
}

/// The bench leaves room for the Go library's headers; the crate's are up to 12 bytes longer.
const HEADER_ROOM: usize = 64;

pub async fn run(mut lines: Lines) -> Result<(), Failure> {
    let task: Task = lines.next().await?.ok_or("no task")?;
    let payloads = task
        .payloads
        .iter()
        .map(|payload| BASE64_STANDARD.decode(payload).map(Bytes::from))
        .collect::<Result<Vec<_>, _>>()?;
    let acks = Arc::new(AckSource::new());
    let counter = Arc::new(Counter {
        payloads: payloads.clone(),
        count: AtomicU64::new(0),
        bad: AtomicU64::new(0),
        acks: Arc::clone(&acks),
    });
    let layers = Layers {
        name: task.role.clone(),
        compress: task.compress,
        key: task.key,
        verify_incoming: true,
        packet_size: task.buffer + HEADER_ROOM,
    };
    let list = list::start(
        layers,
        VoidDelegate::new(),
        Counting(Arc::clone(&counter)),
        |options| options,
    )
    .await?;
    let sender = if task.role == "receiver" {
        let counted = Arc::clone(&counter);
        let port = acks.listen(move || counted.count.load(Relaxed)).await?;
        answer(&Ports {
            port: list.advertise_address().port(),
            acks: port,
        })?;
        None
    } else {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, task.port));
        list.join(MaybeResolvedAddress::resolved(to)).await?;
        let sender = Sender::start(list.clone(), to, payloads, task.acks).await?;
        answer(&Ports { port: 0, acks: 0 })?;
        Some(sender)
    };
    let start = Instant::now();
    while let Some(order) = lines.next::<Order>().await? {
        let count = match &sender {
            Some(sender) => {
                match order.tap {
                    Some(port) => sender.send_to(port).await?,
                    None if order.is_empty() => (),
                    None => sender.follow(&order),
                }
                sender.count()
            }
            None => {
                if let Some(window) = order.window {
                    acks.set_window(window);
                }
                counter.count.load(Relaxed)
            }
        };
        answer(&Mark {
            count,
            bad: counter.bad.load(Relaxed),
            packets: count,
            cpu: usage::cpu(),
            at: start.elapsed().as_secs_f64() * 1000.0,
        })?;
    }
    Ok(())
}

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use memberlist::{
    delegate::{EventDelegate, VoidDelegate},
    proto::{MaybeResolvedAddress, NodeState},
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::{
    Failure, Lines, answer,
    list::{self, Id, Layers},
    usage,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    name: String,
    compress: bool,
    key: Option<String>,
    probe_interval: u64,
    probe_timeout: u64,
    gossip_interval: u64,
    gossip_nodes: usize,
}

#[derive(Deserialize)]
struct Order {
    #[serde(rename = "do")]
    what: String,
    address: Option<SocketAddr>,
}

#[derive(Serialize)]
struct Port {
    port: u16,
}

#[derive(Serialize)]
struct Mark {
    members: usize,
    cpu: i64,
    stall: f64,
    joining: f64,
    took: f64,
    memory: usize,
}

/// Times are in ns from `start` on; 0: not yet.
struct Clock {
    start: Instant,
    first_join: AtomicU64,
    last_join: AtomicU64,
    stall: AtomicU64,
}

impl Clock {
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Records the longest time that a sleep of 1 ms took.
    async fn watch_stalls(&self) {
        let mut last = self.now();
        loop {
            sleep(Duration::from_millis(1)).await;
            let now = self.now();
            self.stall.fetch_max(now - last, Relaxed);
            last = now;
        }
    }
}

struct Joins(Arc<Clock>);

impl EventDelegate for Joins {
    type Id = Id;
    type Address = SocketAddr;

    async fn notify_join(&self, _: Arc<NodeState<Id, SocketAddr>>) {
        let now = self.0.now();
        let _ = self.0.first_join.compare_exchange(0, now, Relaxed, Relaxed);
        self.0.last_join.store(now, Relaxed);
    }

    async fn notify_leave(&self, _: Arc<NodeState<Id, SocketAddr>>) {}

    async fn notify_update(&self, _: Arc<NodeState<Id, SocketAddr>>) {}
}

/// The crate's default.
const PACKET_SIZE: usize = 1472;

pub async fn run(mut lines: Lines) -> Result<(), Failure> {
    let task: Task = lines.next().await?.ok_or("no task")?;
    let clock = Arc::new(Clock {
        start: Instant::now(),
        first_join: AtomicU64::new(0),
        last_join: AtomicU64::new(0),
        stall: AtomicU64::new(0),
    });
    let layers = Layers {
        name: task.name,
        compress: task.compress,
        key: task.key,
        verify_incoming: false,
        packet_size: PACKET_SIZE,
    };
    let list = list::start(
        layers,
        Joins(Arc::clone(&clock)),
        VoidDelegate::<Id, SocketAddr>::new(),
        |options| {
            options
                .with_probe_interval(Duration::from_millis(task.probe_interval))
                .with_probe_timeout(Duration::from_millis(task.probe_timeout))
                .with_gossip_interval(Duration::from_millis(task.gossip_interval))
                .with_gossip_nodes(task.gossip_nodes)
        },
    )
    .await?;
    answer(&Port {
        port: list.advertise_address().port(),
    })?;
    let mut is_watched = false;
    while let Some(order) = lines.next::<Order>().await? {
        let start = Instant::now();
        let mut took = 0.0;
        match order.what.as_str() {
            "reset" => {
                // Not before: this task would add to the CPU of an idle node.
                if !is_watched {
                    is_watched = true;
                    let clock = Arc::clone(&clock);
                    tokio::spawn(async move { clock.watch_stalls().await });
                }
                for time in [&clock.stall, &clock.first_join, &clock.last_join] {
                    time.store(0, Relaxed);
                }
            }
            "join" => {
                let address = order.address.ok_or("no address")?;
                list.join(MaybeResolvedAddress::resolved(address)).await?;
                took = start.elapsed().as_secs_f64() * 1000.0;
            }
            "mark" | "memory" => (),
            other => return Err(format!("unknown order {other}").into()),
        }
        answer(&Mark {
            members: list.num_members().await,
            cpu: usage::cpu(),
            stall: clock.stall.load(Relaxed) as f64 / 1e6,
            joining: (clock.last_join.load(Relaxed) - clock.first_join.load(Relaxed)) as f64 / 1e6,
            took,
            memory: if order.what == "memory" {
                usage::memory()
            } else {
                0
            },
        })?;
    }
    Ok(())
}

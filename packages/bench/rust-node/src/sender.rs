use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use memberlist::delegate::{EventDelegate, NodeDelegate};
use tokio::{
    sync::watch,
    task::yield_now,
    time::{interval, sleep},
};

use crate::{
    Failure,
    acks::follow_acks,
    list::{Id, List},
    throughput::Order,
};

/// After so long without progress, messages on their way count as lost.
const LOST_AFTER: Duration = Duration::from_millis(100);
/// In seconds: after a pause, a sender at a rate sends at once what is due of so long at most.
const BURST: f64 = 0.001;
/// After so many messages a sender yields, so that the runtime reads acknowledgements.
const MESSAGES_A_TURN: u64 = 32;

#[derive(Default, Clone, Copy)]
struct Progress {
    acked: u64,
    lost: u64,
    /// How many orders have come: each ends the one before.
    epoch: u64,
}

struct State<E: EventDelegate<Id = Id, Address = SocketAddr>, N: NodeDelegate> {
    list: List<E, N>,
    to: SocketAddr,
    payloads: Vec<Bytes>,
    count: AtomicU64,
    progress: watch::Sender<Progress>,
}

/// Sends what an order allows, in tasks, as ../../src/throughput/pacer.ts does in turns of the event loop.
pub struct Sender<E: EventDelegate<Id = Id, Address = SocketAddr>, N: NodeDelegate>(
    Arc<State<E, N>>,
);

impl<E, N> Sender<E, N>
where
    E: EventDelegate<Id = Id, Address = SocketAddr>,
    N: NodeDelegate,
{
    pub async fn start(
        list: List<E, N>,
        to: SocketAddr,
        payloads: Vec<Bytes>,
        acks: u16,
    ) -> Result<Self, Failure> {
        let progress = watch::Sender::new(Progress::default());
        let state = Arc::new(State {
            list,
            to,
            payloads,
            count: AtomicU64::new(0),
            progress,
        });
        let acked = Arc::clone(&state);
        follow_acks(acks, move |count| {
            acked
                .progress
                .send_modify(|progress| progress.acked = count)
        })
        .await?;
        let losing = Arc::clone(&state);
        tokio::spawn(async move { losing.give_up_lost().await });
        Ok(Self(state))
    }

    pub fn count(&self) -> u64 {
        self.0.count.load(Relaxed)
    }

    pub fn follow(&self, order: &Order) {
        let state = &self.0;
        state.progress.send_modify(|progress| {
            progress.epoch += 1;
            progress.lost = state.count.load(Relaxed).saturating_sub(progress.acked);
        });
        if order.stop == Some(true) {
            return;
        }
        let epoch = state.progress.borrow().epoch;
        let (window, rate) = (order.window.unwrap_or(0), order.rate.unwrap_or(0.0));
        for _ in 0..order.senders.unwrap_or(1).max(1) {
            let state = Arc::clone(state);
            tokio::spawn(async move { state.send(window, rate, epoch).await });
        }
    }

    /// Sends each payload once, to another port than the receiver's.
    pub async fn send_to(&self, port: u16) -> Result<(), Failure> {
        for payload in &self.0.payloads {
            self.0
                .list
                .send(&(Ipv4Addr::LOCALHOST, port).into(), payload.clone())
                .await?;
        }
        Ok(())
    }
}

impl<E, N> State<E, N>
where
    E: EventDelegate<Id = Id, Address = SocketAddr>,
    N: NodeDelegate,
{
    async fn send(&self, window: u64, rate: f64, epoch: u64) {
        let mut progress = self.progress.subscribe();
        let (mut due, mut last) = (0.0, Instant::now());
        loop {
            let Progress {
                acked,
                lost,
                epoch: now,
            } = *progress.borrow_and_update();
            if now != epoch {
                return;
            }
            if window > 0 && self.count.load(Relaxed) >= acked + lost + window {
                if progress.changed().await.is_err() {
                    return;
                }
                continue;
            }
            if rate > 0.0 {
                let now = Instant::now();
                due = f64::min(
                    due + (now - last).as_secs_f64() * rate,
                    f64::max(1.0, BURST * rate),
                );
                last = now;
                if due < 1.0 {
                    // Looks at the clock in each turn, as Node's sender does: a timer of 1 ms would cause bursts.
                    yield_now().await;
                    continue;
                }
                due -= 1.0;
            }
            let index = self.count.fetch_add(1, Relaxed);
            let payload = self.payloads[index as usize % self.payloads.len()].clone();
            if let Err(error) = self.list.send(&self.to, payload).await {
                eprintln!("{error}");
                sleep(LOST_AFTER).await;
            }
            if index % MESSAGES_A_TURN == 0 {
                yield_now().await;
            }
        }
    }

    async fn give_up_lost(&self) {
        let mut before = 0;
        let mut ticks = interval(LOST_AFTER);
        loop {
            ticks.tick().await;
            self.progress.send_modify(|progress| {
                if progress.acked == before {
                    progress.lost = self.count.load(Relaxed).saturating_sub(progress.acked);
                }
                before = progress.acked;
            });
        }
    }
}

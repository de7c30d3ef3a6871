//! One node of the bench that runs al8n's memberlist for Rust. It takes the orders of the TypeScript and the Go nodes, and its runtime has `threads` threads.
//!
//! `rust-node <threads>`: a node of ../src/throughput/node-task.ts.
//! `rust-node <threads> member`: a member of ../src/protocol/member-task.ts.
//! `rust-node <threads> peers`: the rest of that member's cluster, see ../src/protocol/rust-peers.ts.

mod acks;
mod list;
mod member;
mod peers;
mod sender;
mod throughput;
mod usage;

use std::{env, error::Error, io};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

pub type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let threads = env::args().nth(1).ok_or("how many threads?")?.parse()?;
    let lines = Lines::of_stdin();
    let runtime = runtime_of(threads)?;
    match env::args().nth(2).as_deref() {
        None => runtime.block_on(throughput::run(lines)),
        Some("member") => runtime.block_on(member::run(lines)),
        Some("peers") => runtime.block_on(peers::run(lines)),
        Some(other) => Err(format!("a node cannot be {other}").into()),
    }?;
    // Does not wait for the crate's own tasks, which do not end.
    runtime.shutdown_background();
    Ok(())
}

fn runtime_of(threads: usize) -> io::Result<Runtime> {
    if threads == 1 {
        return Builder::new_current_thread().enable_all().build();
    }
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
}

/// The lines of stdin, read by a thread of its own, as tokio's stdin would be.
pub struct Lines(UnboundedReceiver<String>);

impl Lines {
    fn of_stdin() -> Self {
        let (sender, receiver) = unbounded_channel();
        std::thread::spawn(move || {
            for line in io::stdin().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        match self.0.recv().await {
            Some(line) => Ok(Some(serde_json::from_str(&line)?)),
            None => Ok(None),
        }
    }
}

pub fn answer(value: &impl Serialize) -> Result<(), Failure> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

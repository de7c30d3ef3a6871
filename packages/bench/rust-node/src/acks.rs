use std::{
    io::Write,
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{io::AsyncReadExt, net::TcpListener, time::interval};

use crate::Failure;

const ACKS_PER_WINDOW: u64 = 8;
const FLUSH_INTERVAL: Duration = Duration::from_millis(5);

/// Reports a receiver's count to its sender, as ../../src/throughput/acks.ts describes.
pub struct AckSource {
    every: AtomicU64,
    reported: AtomicU64,
    senders: Mutex<Vec<TcpStream>>,
}

impl AckSource {
    pub fn new() -> Self {
        Self {
            every: AtomicU64::new(1),
            reported: AtomicU64::new(0),
            senders: Mutex::default(),
        }
    }

    /// Returns the port on which it listens. It reports `count` after each flush interval.
    pub async fn listen(
        self: &Arc<Self>,
        count: impl Fn() -> u64 + Send + 'static,
    ) -> Result<u16, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let accepting = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = stream.into_std().and_then(|stream| {
                    stream.set_nodelay(true)?;
                    stream.set_nonblocking(false)?;
                    Ok(stream)
                }) {
                    accepting.senders.lock().unwrap().push(stream);
                }
            }
        });
        let flushing = Arc::clone(self);
        tokio::spawn(async move {
            let mut ticks = interval(FLUSH_INTERVAL);
            loop {
                ticks.tick().await;
                let now = count();
                if now != flushing.reported.load(Relaxed) {
                    flushing.report(now);
                }
            }
        });
        Ok(port)
    }

    pub fn set_window(&self, window: u64) {
        self.every.store((window / ACKS_PER_WINDOW).max(1), Relaxed);
    }

    /// To be called after each message.
    pub fn counted(&self, count: u64) {
        if count.saturating_sub(self.reported.load(Relaxed)) >= self.every.load(Relaxed) {
            self.report(count);
        }
    }

    fn report(&self, count: u64) {
        self.reported.store(count, Relaxed);
        for sender in self.senders.lock().unwrap().iter_mut() {
            // The sender may have ended.
            let _ = sender.write_all(&(count as u32).to_be_bytes());
        }
    }
}

/// Calls `acked` with each count that the receiver reports.
pub async fn follow_acks(port: u16, acked: impl Fn(u64) + Send + 'static) -> Result<(), Failure> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
    tokio::spawn(async move {
        let mut bytes = [0; 4];
        while stream.read_exact(&mut bytes).await.is_ok() {
            acked(u32::from_be_bytes(bytes).into());
        }
    });
    Ok(())
}

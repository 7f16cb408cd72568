//! The echo service. Plain data is echoed; a few texts ask for more (see `answer`). The C service in
//! ../../c/service.c knows the same texts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use actr_framework::{Context, DataStream, Dest, MediaSample};
use actr_protocol::{ActorResult, ActrId, ActrIdExt, ProtocolError};
use bytes::Bytes;
use tokio::sync::{mpsc, Mutex};

/// Something a callback wants sent back. Callbacks have no context, so `run` sends for them.
pub enum Outgoing {
    Chunk(ActrId, DataStream),
    Sample(ActrId, MediaSample),
    Stop,
}

#[derive(Default)]
struct Seen {
    tells: AtomicU64,
    samples: AtomicU64,
    bytes: AtomicU64,
}

pub struct Service {
    outbox: mpsc::UnboundedSender<Outgoing>,
    queue: Mutex<mpsc::UnboundedReceiver<Outgoing>>,
    seen: Arc<Seen>,
}

impl Service {
    /// Also returns the sender whose `Outgoing::Stop` ends `run`.
    pub fn new() -> (Self, mpsc::UnboundedSender<Outgoing>) {
        let (outbox, queue) = mpsc::unbounded_channel();
        let (queue, seen) = (Mutex::new(queue), Arc::default());
        (Self { outbox: outbox.clone(), queue, seen }, outbox)
    }

    pub async fn answer<C: Context>(&self, ctx: &C, data: Bytes) -> ActorResult<Bytes> {
        let text = String::from_utf8_lossy(&data).into_owned();
        match text.split_once(':').unwrap_or((&text, "")) {
            ("fail", "") => Err(ProtocolError::TransportError("asked to fail".into())),
            ("fault", "") => panic!("asked to"),
            ("caller", "") => {
                let caller = ctx.caller_id().map(ActrIdExt::to_string_repr);
                Ok(caller.unwrap_or_default().into())
            }
            ("late", ms) => {
                tokio::time::sleep(Duration::from_millis(ms.parse().unwrap_or(0))).await;
                Ok(data)
            }
            ("tell", _) => {
                self.seen.tells.fetch_add(1, Ordering::Relaxed);
                Ok(Bytes::new())
            }
            ("tells?", "") => Ok(self.seen.tells.load(Ordering::Relaxed).to_string().into()),
            ("stream", id) => self.echo_stream(ctx, id).await,
            ("media", track) => self.echo_media(ctx, track).await,
            ("media?", "") => {
                let samples = self.seen.samples.load(Ordering::Relaxed);
                let bytes = self.seen.bytes.load(Ordering::Relaxed);
                Ok(format!("{samples} {bytes}").into())
            }
            _ => Ok(data),
        }
    }

    async fn echo_stream<C: Context>(&self, ctx: &C, id: &str) -> ActorResult<Bytes> {
        let outbox = self.outbox.clone();
        let back = move |chunk, sender| {
            let _ = outbox.send(Outgoing::Chunk(sender, chunk));
            Box::pin(async { Ok(()) }) as _
        };
        ctx.register_stream(id.into(), back).await?;
        Ok("ok".into())
    }

    async fn echo_media<C: Context>(&self, ctx: &C, track: &str) -> ActorResult<Bytes> {
        let (outbox, seen) = (self.outbox.clone(), self.seen.clone());
        let back = move |sample: MediaSample, sender| {
            seen.samples.fetch_add(1, Ordering::Relaxed);
            seen.bytes.fetch_add(sample.data.len() as u64, Ordering::Relaxed);
            let _ = outbox.send(Outgoing::Sample(sender, sample));
            Box::pin(async { Ok(()) }) as _
        };
        ctx.register_media_track(track.into(), back).await?;
        Ok("ok".into())
    }

    pub async fn run<C: Context>(&self, ctx: &C) -> ActorResult<Bytes> {
        let mut queue = self.queue.lock().await;
        while let Some(outgoing) = queue.recv().await {
            let sent = match outgoing {
                Outgoing::Chunk(to, chunk) => ctx.send_data_stream(&Dest::Actor(to), chunk).await,
                Outgoing::Sample(to, sample) => {
                    ctx.send_media_sample(&Dest::Actor(to), "video-track-1", sample).await
                }
                Outgoing::Stop => break,
            };
            if let Err(e) = sent {
                eprintln!("service: sending back: {e}");
            }
        }
        Ok(Bytes::new())
    }
}

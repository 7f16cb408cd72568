//! The client: a node of its own that finds an echo service, drives one mode against it and reports.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use actr_framework::{Context, DataStream, Dest, MediaSample, MediaType};
use actr_protocol::{ActorResult, ActrType, ProtocolError};
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::echo::EchoRequest;

/// The one track every connection of the original carries.
const TRACK: &str = "video-track-1";

pub struct Plan {
    pub mode: String,
    pub count: usize,
    pub size: usize,
    pub concurrency: usize,
    pub service: ActrType,
}

/// `fields` is the inside of a JSON object; no error means passed.
pub struct Report {
    pub fields: String,
    pub errors: Vec<String>,
}

pub struct Client {
    plan: Plan,
    done: mpsc::UnboundedSender<Report>,
}

impl Client {
    /// Also returns where the report will come from.
    pub fn new(plan: Plan) -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (done, report) = mpsc::unbounded_channel();
        (Self { plan, done }, report)
    }

    pub async fn run<C: Context>(&self, ctx: &C) -> ActorResult<Bytes> {
        let failed = |e: ProtocolError| verdict(String::new(), false, &e.to_string());
        let report = drive(ctx, &self.plan).await.unwrap_or_else(failed);
        let _ = self.done.send(report);
        Ok(Bytes::new())
    }
}

async fn drive<C: Context>(ctx: &C, plan: &Plan) -> ActorResult<Report> {
    let target = &discover(ctx, &plan.service).await?;
    let started = Instant::now();
    let mut report = match plan.mode.as_str() {
        "call" => calls(ctx, target, plan).await,
        "tell" => tells(ctx, target, plan).await?,
        "stream" => stream(ctx, target, plan).await?,
        "media" => media(ctx, target, plan).await?,
        "fail" => fail(ctx, target).await,
        other => return Err(failure(format!("unknown mode {other}"))),
    };
    report.fields += &format!(r#","wall_ms":{}"#, started.elapsed().as_millis());
    Ok(report)
}

async fn discover<C: Context>(ctx: &C, service: &ActrType) -> ActorResult<Dest> {
    let started = Instant::now();
    loop {
        match ctx.discover_route_candidate(service).await {
            Ok(id) => return Ok(Dest::Actor(id)),
            Err(e) if started.elapsed() > Duration::from_secs(10) => return Err(e),
            Err(_) => sleep(Duration::from_millis(250)).await,
        }
    }
}

async fn ask<C: Context>(ctx: &C, target: &Dest, data: impl Into<Bytes>) -> ActorResult<Bytes> {
    let request = EchoRequest { data: data.into() };
    Ok(ctx.call(target, request).await?.data)
}

/// `count` calls by `concurrency` workers; every answer has to equal its request.
async fn calls<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> Report {
    let next = AtomicUsize::new(0);
    let worker = || async {
        let (mut took, mut errors) = (Vec::new(), Vec::new());
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= plan.count {
                return (took, errors);
            }
            let (data, begin) = (payload(n, plan.size), Instant::now());
            match ask(ctx, target, data.clone()).await {
                Ok(answer) if answer == data => took.push(begin.elapsed().as_micros()),
                Ok(answer) => errors.push(format!("call {n}: other answer, {} B", answer.len())),
                Err(e) => errors.push(format!("call {n}: {e}")),
            }
        }
    };
    let (mut took, mut errors) = (Vec::new(), Vec::new());
    for (t, e) in join_all((0..plan.concurrency).map(|_| worker())).await {
        took.extend(t);
        errors.extend(e);
    }
    took.sort_unstable();
    let percentile = |p: usize| took.get(took.len() * p / 100).copied().unwrap_or(0);
    let (count, failed, p50, p99) = (plan.count, errors.len(), percentile(50), percentile(99));
    let fields = format!(r#""calls":{count},"errors":{failed},"p50_us":{p50},"p99_us":{p99}"#);
    Report { fields, errors }
}

/// `count` tells, then asks until the service has counted them all.
async fn tells<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> ActorResult<Report> {
    let number = |answer: Bytes| String::from_utf8_lossy(&answer).parse::<usize>().unwrap_or(0);
    let before = number(ask(ctx, target, "tells?").await?);
    for n in 0..plan.count {
        ctx.tell(target, EchoRequest { data: format!("tell:{n}").into() }).await?;
    }
    let (mut seen, started) = (0, Instant::now());
    while seen != plan.count && started.elapsed() < Duration::from_secs(20) {
        seen = number(ask(ctx, target, "tells?").await?) - before;
    }
    let fields = format!(r#""mode":"tell","sent":{},"seen":{seen}"#, plan.count);
    Ok(verdict(fields, seen == plan.count, "not every tell was counted once"))
}

/// `count` chunks, each of which has to come back once, unchanged, in whatever order.
async fn stream<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> ActorResult<Report> {
    let (inbox, mut back) = mpsc::unbounded_channel();
    let keep = move |chunk, _| {
        let _ = inbox.send(chunk);
        Box::pin(async { Ok(()) }) as _
    };
    ctx.register_stream("s1".into(), keep).await?;
    ask(ctx, target, "stream:s1").await?;
    for n in 0..plan.count {
        let (stream_id, sequence) = ("s1".into(), n as u64);
        let payload = payload(n, plan.size);
        let chunk = DataStream { stream_id, sequence, payload, ..DataStream::default() };
        ctx.send_data_stream(target, chunk).await?;
    }
    let (mut missing, mut in_order, mut last) = (vec![true; plan.count], true, None);
    while missing.contains(&true) {
        let next = timeout(Duration::from_secs(10), back.recv()).await;
        let Ok(Some(chunk)) = next else { break };
        let n = chunk.sequence as usize;
        match missing.get_mut(n) {
            Some(open) if *open && chunk.payload == payload(n, plan.size) => *open = false,
            _ => return Err(failure(format!("chunk {n} is unknown, altered or came twice"))),
        }
        in_order &= last.replace(n) < Some(n);
    }
    let seen = missing.iter().filter(|open| !**open).count();
    let fields =
        format!(r#""mode":"stream","sent":{},"seen":{seen},"in_order":{in_order}"#, plan.count);
    Ok(verdict(fields, seen == plan.count, "not every chunk came back"))
}

/// `count` samples 5 ms apart, one RTP packet each. Media may be lost, so nine in ten pass.
async fn media<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> ActorResult<Report> {
    let (inbox, mut back) = mpsc::unbounded_channel();
    let keep = move |sample, _| {
        let _ = inbox.send(sample);
        Box::pin(async { Ok(()) }) as _
    };
    ctx.register_media_track(TRACK.into(), keep).await?;
    ask(ctx, target, format!("media:{TRACK}")).await?;
    for n in 0..plan.count {
        let (data, timestamp) = (payload(n, plan.size), n as u32 * 450);
        let (codec, media_type) = ("VP8".into(), MediaType::Video);
        let sample = MediaSample { data, timestamp, codec, media_type };
        ctx.send_media_sample(target, TRACK, sample).await?;
        sleep(Duration::from_millis(5)).await;
    }
    sleep(Duration::from_millis(500)).await;
    let seen = ask(ctx, target, "media?").await?;
    let mut echoed = 0;
    while let Ok(MediaSample { data, timestamp, .. }) = back.try_recv() {
        echoed += usize::from(data == payload(timestamp as usize / 450, plan.size));
    }
    let fields = format!(
        r#""mode":"media","sent":{},"seen":"{}","echoed":{echoed}"#,
        plan.count,
        String::from_utf8_lossy(&seen)
    );
    Ok(verdict(fields, echoed * 10 >= plan.count * 9, "too few samples came back"))
}

/// A call whose handler fails; passes when an error comes, however late.
async fn fail<C: Context>(ctx: &C, target: &Dest) -> Report {
    let error = ask(ctx, target, "fail").await.err();
    let said = error.as_ref().map(ToString::to_string).unwrap_or_default();
    verdict(format!(r#""mode":"fail","error":{said:?}"#), error.is_some(), "the call succeeded")
}

/// Consecutive byte values, which none of the service's special texts has.
fn payload(n: usize, size: usize) -> Bytes {
    (0..size).map(|i| (n + i) as u8).collect::<Vec<_>>().into()
}

fn verdict(fields: String, passed: bool, otherwise: &str) -> Report {
    let errors = if passed { vec![] } else { vec![otherwise.to_string()] };
    Report { fields, errors }
}

fn failure(text: String) -> ProtocolError {
    ProtocolError::TransportError(text)
}

//! The client: a node of its own that finds an echo service, drives one mode against it and reports.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actr_framework::{Context, DataStream, Dest, MediaSample, MediaType};
use actr_protocol::{
    ActorResult, ActrId, ActrIdExt, ActrType, MetadataEntry, ProtocolError, RpcRequest,
};
use bytes::Bytes;
use futures_util::future::join_all;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::echo::{EchoRequest, Nothing};

/// The one track every connection of the original carries.
const TRACK: &str = "video-track-1";

/// Of a sample's timestamp and the next one's.
const TIMESTAMP_STEP: u32 = 450;

/// Samples on their way at most: what overflows a socket's buffer is lost.
const WINDOW: usize = 32;

/// What a message of ours may have at most.
const MESSAGE_MAX: usize = 65535;

pub struct Plan {
    pub mode: String,
    pub count: usize,
    pub size: usize,
    pub concurrency: usize,
    pub service: ActrType,
    /// An id, in mode discover.
    pub expect: String,
}

/// `fields` is the inside of a JSON object; no error means passed.
#[derive(Default)]
pub struct Report {
    pub fields: String,
    pub errors: Vec<String>,
}

impl Report {
    /// Something that has to be so, and is noted when it is not.
    pub fn expect(&mut self, what: &str, expected: &str, seen: &str) {
        if expected != seen {
            self.errors.push(format!("{what}: expected `{expected}`, seen `{seen}`"));
        }
    }
}

pub struct Client {
    plan: Plan,
    done: mpsc::UnboundedSender<Report>,
    /// Envelopes of the service that the runtime took for requests.
    strays: Arc<AtomicUsize>,
}

impl Client {
    /// Also returns where the report will come from.
    pub fn new(plan: Plan) -> (Self, mpsc::UnboundedReceiver<Report>) {
        let (done, report) = mpsc::unbounded_channel();
        (Self { plan, done, strays: Arc::default() }, report)
    }

    /// A request, or what the runtime took for one: only in mode glare does somebody call us.
    pub fn answer(&self, data: Bytes) -> ActorResult<Bytes> {
        if self.plan.mode == "glare" {
            return Ok(data);
        }
        self.strays.fetch_add(1, Ordering::Relaxed);
        Err(failure("nobody calls a client".into()))
    }

    pub async fn run<C: Context>(&self, ctx: &C) -> ActorResult<Bytes> {
        let failed = |e: ProtocolError| verdict(String::new(), false, &e.to_string());
        let mut report = drive(ctx, &self.plan).await.unwrap_or_else(failed);
        let strays = self.strays.load(Ordering::Relaxed);
        report.expect("answers that nobody waited for", "0", &strays.to_string());
        let _ = self.done.send(report);
        Ok(Bytes::new())
    }
}

async fn drive<C: Context>(ctx: &C, plan: &Plan) -> ActorResult<Report> {
    let target = &discover(ctx, &plan.service).await?;
    let started = Instant::now();
    let mut report = match plan.mode.as_str() {
        "call" => calls(ctx, target, plan).await,
        "discover" => identities(ctx, target, plan).await?,
        "tell" => tells(ctx, target, plan).await?,
        "stream" => stream(ctx, target, plan).await?,
        "large" => large(ctx, target).await?,
        "fail" => fail(ctx, target).await,
        "hold" => hold(ctx, target, plan).await,
        "glare" => glare(ctx, target).await?,
        "restart" => restart(ctx, target, plan).await?,
        "media" => media(ctx, target, plan).await?,
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

async fn ask_text<C: Context>(ctx: &C, target: &Dest, text: &str) -> ActorResult<String> {
    let answer = ask(ctx, target, text.to_string()).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
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

/// Who was found, and whom the service takes us for.
async fn identities<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> ActorResult<Report> {
    let found = target.as_actor_id().map(ActrId::to_string_repr).unwrap_or_default();
    let (mut report, own) = (Report::default(), ctx.self_id().to_string_repr());
    report.expect("the id of the service", &plan.expect, &found);
    report.expect("the service's caller", &own, &ask_text(ctx, target, "caller").await?);
    report.fields = format!(r#""found":"{found}","caller":"{own}""#);
    Ok(report)
}

/// `count` tells, then asks until the service has counted them all.
async fn tells<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> ActorResult<Report> {
    let number = |answer: String| answer.parse::<usize>().unwrap_or(0);
    let before = number(ask_text(ctx, target, "tells?").await?);
    for n in 0..plan.count {
        ctx.tell(target, EchoRequest { data: format!("tell:{n}").into() }).await?;
    }
    let (mut seen, started) = (0, Instant::now());
    while seen < plan.count && started.elapsed() < Duration::from_secs(20) {
        seen = number(ask_text(ctx, target, "tells?").await?) - before;
    }
    let fields = format!(r#""sent":{},"counted":{seen}"#, plan.count);
    let mut report = Report { fields, ..Report::default() };
    report.expect("tells counted", &plan.count.to_string(), &seen.to_string());
    Ok(report)
}

fn chunk(stream_id: &str, n: usize, size: usize) -> DataStream {
    let entry = |key: &str, value| MetadataEntry { key: key.into(), value };
    DataStream {
        stream_id: stream_id.into(),
        sequence: n as u64,
        payload: payload(n, size),
        metadata: vec![entry("number", n.to_string()), entry("naïve", String::new())],
        timestamp_ms: Some(1_700_000_000_000 + n as i64),
    }
}

/// `count` chunks, each of which has to come back once, unchanged, in whatever order; the service
/// has to have seen them in order.
async fn stream<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> ActorResult<Report> {
    let (inbox, mut back) = mpsc::unbounded_channel();
    let keep = move |chunk, _| {
        let _ = inbox.send(chunk);
        Box::pin(async { Ok(()) }) as _
    };
    ctx.register_stream("s1".into(), keep).await?;
    ask(ctx, target, "stream:s1").await?;
    for n in 0..plan.count {
        ctx.send_data_stream(target, chunk("s1", n, plan.size)).await?;
    }
    let (mut missing, mut in_order, mut last) = (vec![true; plan.count], true, None);
    while missing.contains(&true) {
        let next = timeout(Duration::from_secs(10), back.recv()).await;
        let Ok(Some(came)) = next else { break };
        let n = came.sequence as usize;
        match missing.get_mut(n) {
            Some(open) if *open && came == chunk("s1", n, plan.size) => *open = false,
            _ => return Err(failure(format!("chunk {n} is unknown, altered or came twice"))),
        }
        in_order &= last.replace(n) < Some(n);
    }
    let back = missing.iter().filter(|open| !**open).count();
    let order = ask_text(ctx, target, "order?").await?;
    let mut report = Report::default();
    report.expect("chunks that came back", &plan.count.to_string(), &back.to_string());
    report.expect("at the service", &format!("{} in order", plan.count), &order);
    report.fields =
        format!(r#""sent":{},"back":{back},"delivered_in_order":{in_order}"#, plan.count);
    Ok(report)
}

/// The largest messages pass, larger ones are refused before they leave, and the lanes live on.
async fn large<C: Context>(ctx: &C, target: &Dest) -> ActorResult<Report> {
    let (inbox, mut back) = mpsc::unbounded_channel();
    let keep = move |chunk, _| {
        let _ = inbox.send(chunk);
        Box::pin(async { Ok(()) }) as _
    };
    ctx.register_stream("l".into(), keep).await?;
    ask(ctx, target, "stream:l").await?;
    let mut report = Report::default();
    let overhead = prost::Message::encoded_len(&chunk("l", 1, MESSAGE_MAX)) - MESSAGE_MAX;
    let fits = MESSAGE_MAX - overhead;
    let refused = ctx.send_data_stream(target, chunk("l", 1, fits + 1)).await;
    let said = refused.err().map(|e| e.to_string()).unwrap_or_default();
    let reason = said.contains("outbound packet larger than maximum message size");
    report.expect("refused as too large", "true", &reason.to_string());
    ctx.send_data_stream(target, chunk("l", 1, fits)).await?;
    let came = timeout(Duration::from_secs(10), back.recv()).await.ok().flatten();
    let whole = came == Some(chunk("l", 1, fits));
    report.expect("the largest chunk came back whole", "true", &whole.to_string());
    let data = payload(1, 65460); // with which the envelope has 65,535 bytes
    let answer = ask(ctx, target, data.clone()).await?;
    report.expect("the largest call", "true", &(answer == data).to_string());
    report.fields = format!(r#""chunk":{fits},"call":{}"#, data.len());
    Ok(report)
}

/// Calls that fail: the error has to come at once, with its code and message.
async fn fail<C: Context>(ctx: &C, target: &Dest) -> Report {
    let mut report = Report::default();
    let mut slowest = Duration::ZERO;
    for (text, expected) in [
        ("fail", "Transport error: RPC error 403: asked to fail"),
        ("fault", "Transport error: RPC error 400: Handler panicked: asked to"),
        ("silent", "Transport error: RPC error 500: the handler returned without an answer"),
        ("big:70000", "Transport error: RPC error 500: no room for a echo.EchoResponse of 70004 bytes: too large, or memory is exhausted"),
    ] {
        let data = text.to_string().into();
        slowest = slowest.max(fails(ctx, target, EchoRequest { data }, expected, &mut report).await);
    }
    let expected = "Transport error: RPC error 404: unknown route echo.EchoService.Nothing";
    slowest = slowest.max(fails(ctx, target, Nothing {}, expected, &mut report).await);
    report.expect("each within 1 s", "true", &(slowest < Duration::from_secs(1)).to_string());
    let alive = ask_text(ctx, target, "alive").await.unwrap_or_else(|e| e.to_string());
    report.expect("a call afterwards", "alive", &alive);
    report.fields = format!(r#""failures":5,"slowest_ms":{}"#, slowest.as_millis());
    report
}

async fn fails<C: Context, R: RpcRequest>(
    ctx: &C,
    target: &Dest,
    request: R,
    expected: &str,
    report: &mut Report,
) -> Duration {
    let begin = Instant::now();
    let error = ctx.call(target, request).await.err();
    let said = error.map_or("no error".to_string(), |e| e.to_string());
    report.expect("error", expected, &said);
    begin.elapsed()
}

/// `count` calls at once, which the service keeps; somebody kills it and starts it anew.
async fn hold<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> Report {
    let texts: Vec<_> = (0..plan.count).map(|n| format!("hold:{n}")).collect();
    let answers = join_all(texts.iter().map(|text| ask_text(ctx, target, text))).await;
    let answered = answers.iter().filter(|a| a.is_ok()).count();
    let mut report = Report::default();
    for (n, answer) in answers.into_iter().enumerate() {
        let seen = answer.unwrap_or_else(|e| e.to_string());
        report.expect("answer", &format!("redelivered:{n}"), &seen);
    }
    report.fields = format!(r#""calls":{},"answered":{answered}"#, plan.count);
    report
}

/// Say that we are ready, and wait until somebody writes to stdin.
async fn pause(ready: &str) {
    println!("ready {ready}");
    let mut line = [0; 64];
    let _ = timeout(Duration::from_secs(30), tokio::io::stdin().read(&mut line)).await;
}

/// The first call, while the service makes its first call to us. When the other offer comes while the
/// original is writing its own, its call fails at once, inside: then the next one has to work.
async fn glare<C: Context>(ctx: &C, target: &Dest) -> ActorResult<Report> {
    let (mut report, own) = (Report::default(), ctx.self_id().to_string_repr());
    pause(&own).await;
    let begin = Instant::now();
    let mut answer = first_call(ctx, target).await;
    let own_race = answer.contains("Connection factory returned no connections");
    if own_race {
        answer = first_call(ctx, target).await;
    }
    report.expect("the Rust side's call", "glare", &answer);
    report.fields = format!(r#""rust_ms":{}"#, begin.elapsed().as_millis());
    if own_race {
        report.fields += r#","failed_inside":1"#;
    }
    pause("done").await; // ours may still be calling
    Ok(report)
}

async fn first_call<C: Context>(ctx: &C, target: &Dest) -> String {
    match timeout(Duration::from_secs(8), ask_text(ctx, target, "glare")).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(e)) => e.to_string(),
        Err(_) => "nothing within 8 s".into(),
    }
}

/// A call before and one after the service was killed and started anew, which stdin tells.
async fn restart<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> ActorResult<Report> {
    let mut report = Report::default();
    report.expect("before", "before", &ask_text(ctx, target, "before").await?);
    pause("called").await;
    let begin = Instant::now();
    let again = discover(ctx, &plan.service).await?;
    report.expect("after", "after", &ask_text(ctx, &again, "after").await?);
    report.fields = format!(r#""call_after_restart_ms":{}"#, begin.elapsed().as_millis());
    Ok(report)
}

/// `count` samples, one RTP packet each: the service has to have seen all of them, unchanged and in
/// order, and all have to come back.
async fn media<C: Context>(ctx: &C, target: &Dest, plan: &Plan) -> ActorResult<Report> {
    let (inbox, mut inbound) = mpsc::unbounded_channel();
    let keep = move |sample, _| {
        let _ = inbox.send(sample);
        Box::pin(async { Ok(()) }) as _
    };
    ctx.register_media_track(TRACK.into(), keep).await?;
    ask(ctx, target, format!("media:{TRACK}")).await?;
    let (mut missing, mut sent, mut back) = (vec![true; plan.count], 0, 0);
    while back < plan.count {
        while sent < plan.count && sent < back + WINDOW {
            let (data, timestamp) = (payload(sent, plan.size), sent as u32 * TIMESTAMP_STEP);
            let (codec, media_type) = ("VP8".into(), MediaType::Video);
            let sample = MediaSample { data, timestamp, codec, media_type };
            ctx.send_media_sample(target, TRACK, sample).await?;
            sent += 1;
        }
        let next = timeout(Duration::from_secs(5), inbound.recv()).await;
        let Ok(Some(MediaSample { data, timestamp, .. })) = next else { break };
        let n = (timestamp / TIMESTAMP_STEP) as usize;
        match missing.get_mut(n) {
            Some(open) if *open && data == payload(n, plan.size) => *open = false,
            _ => return Err(failure(format!("sample {n} is unknown, altered or came twice"))),
        }
        back += 1;
    }
    let seen = ask_text(ctx, target, "media?").await?;
    let mut report = Report::default();
    report.expect("at the service", &format!("{} in order", plan.count), &seen);
    report.expect("samples that came back", &plan.count.to_string(), &back.to_string());
    report.fields = format!(r#""sent":{},"seen":"{seen}","back":{back}"#, plan.count);
    Ok(report)
}

/// Consecutive byte values, which none of the service's special texts has.
pub fn payload(n: usize, size: usize) -> Bytes {
    (0..size).map(|i| (n + i) as u8).collect::<Vec<_>>().into()
}

fn verdict(fields: String, passed: bool, otherwise: &str) -> Report {
    let errors = if passed { vec![] } else { vec![otherwise.to_string()] };
    Report { fields, errors }
}

fn failure(text: String) -> ProtocolError {
    ProtocolError::TransportError(text)
}

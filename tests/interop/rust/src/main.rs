//! actr-interop-peer: a node of the original Rust runtime to test ours against.
//!
//!     actr-interop-peer service CONFIG
//!     actr-interop-peer client CONFIG [--mode MODE] [--count N] [--size B] [--concurrency C]
//!                                     [--type MANUFACTURER:NAME] [--expect ID]
//!
//! MODE is call, discover, tell, stream, large, fail, hold, glare, restart, media (client.rs), or raw-tell,
//! raw-duplicate, raw-stream (raw.rs).

mod client;
mod echo;
mod peer;
mod raw;
mod service;

use std::error::Error;
use std::process::ExitCode;

use actr_config::ConfigParser;
use actr_protocol::ActrIdExt;
use actr_runtime::{ActrRef, ActrSystem};
use tokio::signal::unix::{signal, SignalKind};

use client::{Client, Plan, Report};
use echo::{actr_type, Run};
use peer::Peer;
use service::{Outgoing, Service};

type Fallible<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Fallible<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["service", config] => serve(config).await,
        ["client", config, ref options @ ..] => ask(config, plan(options)?).await,
        _ => Err("usage: actr-interop-peer service CONFIG | client CONFIG [OPTIONS]".into()),
    }
}

async fn start(config: &str, peer: Peer) -> Fallible<ActrRef<Peer>> {
    let system = ActrSystem::new(ConfigParser::from_file(config)?).await?;
    let node = system.attach(peer).start().await?;
    node.tell(Run {}).await?;
    Ok(node)
}

async fn serve(config: &str) -> Fallible<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let (service, outbox) = Service::new();
    let node = start(config, Peer::Service(service)).await?;
    println!("ready {}", node.actor_id().to_string_repr());
    terminate.recv().await;
    let _ = outbox.send(Outgoing::Stop);
    node.shutdown();
    node.wait_for_shutdown().await;
    Ok(ExitCode::SUCCESS)
}

async fn ask(config: &str, plan: Plan) -> Fallible<ExitCode> {
    if plan.mode.starts_with("raw-") {
        return Ok(print(raw::run(&ConfigParser::from_file(config)?, &plan).await?));
    }
    let (client, mut report) = Client::new(plan);
    let node = start(config, Peer::Client(client)).await?;
    let code = print(report.recv().await.ok_or("no report")?);
    node.shutdown();
    node.wait_for_shutdown().await;
    Ok(code)
}

fn print(Report { fields, errors }: Report) -> ExitCode {
    for error in &errors {
        eprintln!("interop: {error}");
    }
    println!("{{{fields}}}");
    ExitCode::from(u8::from(!errors.is_empty()))
}

fn plan(options: &[&str]) -> Fallible<Plan> {
    let mut plan = Plan {
        mode: "call".into(),
        count: 1,
        size: 64,
        concurrency: 1,
        service: actr_type("acme", "echo.EchoService"),
        expect: String::new(),
    };
    for pair in options.chunks(2) {
        let [name, value] = *pair else { return Err(format!("{} needs a value", pair[0]).into()) };
        match name {
            "--mode" => plan.mode = value.into(),
            "--count" => plan.count = value.parse()?,
            "--size" => plan.size = value.parse()?,
            "--expect" => plan.expect = value.into(),
            "--concurrency" => plan.concurrency = value.parse()?,
            "--type" => {
                let halves = value.split_once(':').ok_or("--type wants MANUFACTURER:NAME")?;
                plan.service = actr_type(halves.0, halves.1);
            }
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(plan)
}

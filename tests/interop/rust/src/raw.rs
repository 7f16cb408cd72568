//! A node of the original's own parts below its gate: connection, lanes and signaling are the
//! original's, but request ids and lanes can be chosen, and whatever comes back is seen as it was on
//! the wire.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use actr_config::Config;
use actr_framework::{DataStream, Dest};
use actr_protocol::register_response::Result as Registered;
use actr_protocol::route_candidates_request::NodeSelectionCriteria;
use actr_protocol::route_candidates_response::Result as Routed;
use actr_protocol::{ActrType, PayloadType, RegisterRequest, RouteCandidatesRequest, RpcEnvelope};
use actr_runtime::wire::webrtc::WebRtcConnection;
use actr_runtime::{
    MediaFrameRegistry, SignalingClient, WebRtcConfig, WebRtcCoordinator, WebSocketSignalingClient,
};
use bytes::Bytes;
use prost::Message;
use tokio::time::timeout;

use crate::client::{payload, Plan, Report};
use crate::echo::{actr_type, EchoRequest, EchoResponse, ECHO_ROUTE};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Chunks on their way at most: our node may drop one on lane 3 when 64 wait.
const WINDOW: usize = 32;

struct Wire {
    coordinator: Arc<WebRtcCoordinator>,
    connection: WebRtcConnection,
}

pub async fn run(config: &Config, plan: &Plan) -> Fallible<Report> {
    let wire = Wire::connect(config, &plan.service).await?;
    match plan.mode.as_str() {
        "raw-tell" => tells(&wire, plan).await,
        "raw-duplicate" => duplicates(&wire).await,
        "raw-stream" => {
            let mut report = Report::default();
            stream(&wire, PayloadType::StreamReliable, plan, &mut report).await?;
            stream(&wire, PayloadType::StreamLatencyFirst, plan, &mut report).await?;
            Ok(report)
        }
        other => Err(format!("unknown mode {other}").into()),
    }
}

impl Wire {
    async fn connect(config: &Config, service: &ActrType) -> Fallible<Self> {
        let signaling =
            Arc::new(WebSocketSignalingClient::connect_to(config.signaling_url.as_str()).await?);
        let request = RegisterRequest {
            actr_type: actr_type("acme", "interop.Raw"),
            realm: config.realm.clone(),
            service_spec: None,
            acl: None,
        };
        let Some(Registered::Success(own)) = signaling.send_register_request(request).await?.result
        else {
            return Err("not registered".into());
        };
        let criteria = NodeSelectionCriteria { candidate_count: 1, ..Default::default() };
        let request = RouteCandidatesRequest {
            target_type: service.clone(),
            criteria: Some(criteria),
            client_location: None,
        };
        let (id, credential) = (own.actr_id, own.credential);
        let routes = signaling
            .send_route_candidates_request(id.clone(), credential.clone(), request)
            .await?;
        let Some(Routed::Success(found)) = routes.result else { return Err("no route".into()) };
        let target = found.candidates.into_iter().next().ok_or("no candidate")?;
        let media = Arc::new(MediaFrameRegistry::new());
        let config = WebRtcConfig::default();
        let coordinator =
            Arc::new(WebRtcCoordinator::new(id, credential, signaling, config, media));
        coordinator.clone().start().await?;
        let connection = coordinator.create_connection(&Dest::Actor(target)).await?;
        Ok(Self { coordinator, connection })
    }

    async fn send(&self, lane: PayloadType, message: Vec<u8>) -> Fallible<()> {
        Ok(self.connection.get_lane(lane).await?.send(message.into()).await?)
    }

    /// The next message, whatever it is.
    async fn receive(&self) -> Fallible<(PayloadType, Bytes)> {
        let next = timeout(Duration::from_secs(10), self.coordinator.receive_message()).await;
        let (_, message, lane) = next.map_err(|_| "nothing came for 10 s")??.ok_or("closed")?;
        Ok((lane, message))
    }

    async fn request(&self, lane: PayloadType, id: &str, text: &str, timeout: i64) -> Fallible<()> {
        let data = text.to_string().into();
        let envelope = RpcEnvelope {
            route_key: ECHO_ROUTE.into(),
            payload: Some(EchoRequest { data }.encode_to_vec().into()),
            request_id: id.into(),
            timeout_ms: timeout,
            ..RpcEnvelope::default()
        };
        self.send(lane, envelope.encode_to_vec()).await
    }

    /// The next message, which has to be an answer on this lane: `id text`, or `id !code message`.
    async fn answer(&self, lane: PayloadType) -> Fallible<String> {
        let (came_on, message) = self.receive().await?;
        if came_on != lane {
            return Ok(format!("a message on {came_on:?}"));
        }
        let envelope = RpcEnvelope::decode(message)?;
        let id = &envelope.request_id;
        Ok(match (envelope.payload, envelope.error) {
            (Some(payload), None) => {
                let data = EchoResponse::decode(payload)?.data;
                format!("{id} {}", String::from_utf8_lossy(&data))
            }
            (None, Some(error)) => format!("{id} !{} {}", error.code, error.message),
            _ => format!("{id} has both payload and error, or none"),
        })
    }
}

const CALL_MS: i64 = 30000;

/// Nothing comes back for tells: the lane keeps order, so the first message is the call's answer.
async fn tells(wire: &Wire, plan: &Plan) -> Fallible<Report> {
    let mut report = Report::default();
    let lane = PayloadType::RpcReliable;
    wire.request(lane, "before", "tells?", CALL_MS).await?;
    let before =
        wire.answer(lane).await?.strip_prefix("before ").unwrap_or("0").parse::<usize>()?;
    for n in 0..plan.count {
        wire.request(lane, &format!("tell-{n}"), &format!("tell:{n}"), 0).await?;
    }
    for id in ["after", "later"] {
        wire.request(lane, id, "tells?", CALL_MS).await?;
        let expected = format!("{id} {}", before + plan.count);
        report.expect("the next message", &expected, &wire.answer(lane).await?);
    }
    report.fields = format!(r#""tells":{},"answers":0"#, plan.count);
    Ok(report)
}

/// A request that comes four times runs once, and each copy gets the same answer.
async fn duplicates(wire: &Wire) -> Fallible<Report> {
    let mut report = Report::default();
    let (reliable, signal) = (PayloadType::RpcReliable, PayloadType::RpcSignal);
    wire.request(reliable, "first", "count", CALL_MS).await?;
    let expected = wire.answer(reliable).await?;
    for lane in [reliable, reliable, signal] {
        wire.request(lane, "first", "count", CALL_MS).await?;
        report.expect("a copy's answer", &expected, &wire.answer(lane).await?);
    }
    // A tell with the id of a call that has run is a copy as well, and gets no answer.
    wire.request(reliable, "first", "count", 0).await?;
    let runs = expected.strip_prefix("first ").unwrap_or("0").parse::<usize>()?;
    wire.request(reliable, "second", "count", CALL_MS).await?;
    let next = format!("second {}", runs + 1);
    report.expect("another request's answer", &next, &wire.answer(reliable).await?);
    report.fields = r#""copies":4,"runs":1"#.into();
    Ok(report)
}

/// `count` chunks, each of which comes back on the same lane, byte for byte, in order.
async fn stream(wire: &Wire, lane: PayloadType, plan: &Plan, report: &mut Report) -> Fallible<()> {
    let number = lane as i32;
    let id = format!("raw-{number}");
    wire.request(PayloadType::RpcReliable, &id, &format!("stream{number}:{id}"), CALL_MS).await?;
    report.expect("stream", &format!("{id} ok"), &wire.answer(PayloadType::RpcReliable).await?);
    let chunk = |n: usize| {
        let (stream_id, sequence) = (id.clone(), n as u64);
        let payload = payload(n, plan.size);
        DataStream { stream_id, sequence, payload, ..DataStream::default() }.encode_to_vec()
    };
    let (mut sent, mut back) = (0, 0);
    while back < plan.count {
        while sent < plan.count && sent < back + WINDOW {
            wire.send(lane, chunk(sent)).await?;
            sent += 1;
        }
        let (came_on, message) = wire.receive().await?;
        if came_on != lane || message != chunk(back) {
            let what = format!("lane {number}, message {back}");
            report.expect(&what, "the chunk", &format!("{} B on {came_on:?}", message.len()));
            return Ok(());
        }
        back += 1;
    }
    let comma = if report.fields.is_empty() { "" } else { "," };
    report.fields += &format!(r#"{comma}"lane_{number}_in_order":{back}"#);
    Ok(())
}

//! The workload of both roles: it hands calls of others to the service and runs the role's own job.

use actr_framework::{Context, MessageDispatcher, Workload};
use actr_protocol::{ActorResult, ActrType, ProtocolError, RpcEnvelope};
use async_trait::async_trait;
use bytes::Bytes;
use prost::Message;

use crate::client::Client;
use crate::echo::{actr_type, EchoRequest, EchoResponse, ECHO_ROUTE, RUN_ROUTE};
use crate::service::Service;

pub enum Peer {
    Client(Client),
    Service(Service),
}

#[async_trait]
impl Workload for Peer {
    type Dispatcher = Dispatcher;

    fn actor_type(&self) -> ActrType {
        match self {
            Peer::Client(_) => actr_type("acme", "interop.Client"),
            Peer::Service(_) => actr_type("acme", "echo.EchoService"),
        }
    }
}

pub struct Dispatcher;

#[async_trait]
impl MessageDispatcher for Dispatcher {
    type Workload = Peer;

    async fn dispatch<C: Context>(
        peer: &Peer,
        envelope: RpcEnvelope,
        ctx: &C,
    ) -> ActorResult<Bytes> {
        match (peer, envelope.route_key.as_str(), ctx.caller_id()) {
            (Peer::Service(service), ECHO_ROUTE, _) => {
                let request = EchoRequest::decode(envelope.payload.unwrap_or_default())
                    .map_err(|e| ProtocolError::DecodeError(e.to_string()))?;
                let data = service.answer(ctx, request.data).await?;
                Ok(EchoResponse { data }.encode_to_vec().into())
            }
            (Peer::Service(service), RUN_ROUTE, None) => service.run(ctx).await,
            (Peer::Client(client), RUN_ROUTE, None) => client.run(ctx).await,
            (Peer::Client(client), ECHO_ROUTE, Some(_)) => {
                let request = EchoRequest::decode(envelope.payload.unwrap_or_default())
                    .map_err(|e| ProtocolError::DecodeError(e.to_string()))?;
                let data = client.answer(request.data)?;
                Ok(EchoResponse { data }.encode_to_vec().into())
            }
            _ => Err(ProtocolError::UnknownRoute(envelope.route_key)),
        }
    }
}

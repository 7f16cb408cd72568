//! The messages of echo.proto, written by hand so that no code generator is needed, and the one message
//! our own shell sends to its workload.

use actr_protocol::{ActrType, RpcRequest};
use bytes::Bytes;

pub const ECHO_ROUTE: &str = "echo.EchoService.Echo";
pub const RUN_ROUTE: &str = "interop.Shell.Run";

#[derive(Clone, PartialEq, prost::Message)]
pub struct EchoRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub data: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct EchoResponse {
    #[prost(bytes = "bytes", tag = "1")]
    pub data: Bytes,
}

impl RpcRequest for EchoRequest {
    type Response = EchoResponse;
    fn route_key() -> &'static str {
        ECHO_ROUTE
    }
}

/// Asks for a route that no service has.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Nothing {}

impl RpcRequest for Nothing {
    type Response = EchoResponse;
    fn route_key() -> &'static str {
        "echo.EchoService.Nothing"
    }
}

/// Told to the own workload once the node is up: the handler of it has a context that can reach other
/// actors and lives as long as we like, which callbacks and the shell do not have.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Run {}

impl RpcRequest for Run {
    type Response = Run;
    fn route_key() -> &'static str {
        RUN_ROUTE
    }
}

pub fn actr_type(manufacturer: &str, name: &str) -> ActrType {
    ActrType { manufacturer: manufacturer.to_string(), name: name.to_string() }
}

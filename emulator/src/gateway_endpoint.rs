//! The endpoints of gateways: MCP in front of the targets' servers.
//!
//! A request passes: the gateway's address → the caller (signature or token, as the gateway wants) and the caller's
//! permissions → faults → the gateway's state → MCP. Catalogues are answered from what synchronizations have read,
//! except those of `DYNAMIC` targets; calls of tools are forwarded to the target's server with the outbound
//! authorization it is configured with. Only a gateway in `DEBUG` tells its callers of failures behind it.
//!
//! Choices that AWS does not document: MCP sessions do not exist, each forwarded call has a session of its own at the
//! target, and a target whose last update or synchronization failed offers no tools.

mod address;
mod client;
mod failure;
mod inbound;
mod outbound;
mod server;
mod synchronization;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use http::{HeaderValue, Request, Response};
use serde_json::{Value, json};

pub(crate) use self::address::is_gateway_host;
use self::address::{Address, Document};
use self::failure::{Failure, json_response};
use self::inbound::Caller;
use crate::agentcore_control::{Gateway, Status};
use crate::aws::{Aws, CallRecord};
use crate::faults::FaultEffect;
use crate::reply::Reply;
use crate::service::{ApiError, ServiceId};

/// As the permission and the service's own records call it; the SDKs have no such operation.
const OPERATION: &str = "InvokeGateway";

impl Aws {
    /// Serves one request to a gateway, in the time it takes. Holds no lock while it waits.
    pub(crate) async fn serve_gateway_endpoint(&self, request: &Request<Vec<u8>>) -> Reply {
        let request_id = self.next_request_id();
        let half = self.settings().call_latency / 2;
        tokio::time::sleep(half).await;
        let reply = self.invoke_gateway(request).await;
        tokio::time::sleep(half).await;
        let mut response = match reply {
            Ok(Some(response)) => response,
            Ok(None) => return Reply::Lost,
            Err(failure) => failure.respond(&message(request)["id"]),
        };
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        Reply::Sent(response)
    }

    /// Serves a request; returns `None` if the reply is lost.
    async fn invoke_gateway(&self, request: &Request<Vec<u8>>) -> Result<Option<Response<Vec<u8>>>, Failure> {
        let at = self.clock().now();
        let address = Address::of(request, self.settings()).ok_or_else(|| {
            ApiError::new(404, "UnknownOperationException", "the request's method or path is unknown to gateways")
        })?;
        let gateway = self.with(|world| world.agentcore.gateway(&address.gateway_id, at).cloned());
        let gateway = gateway.ok_or_else(|| Failure::no_gateway(&address.gateway_id))?;
        if address.document == Document::ResourceMetadata {
            return self.gateway_metadata(&address, &gateway).map(Some);
        }
        let Caller { principal, allowed } = self.admit_gateway_caller(request, &address, &gateway)?;
        let mut effect = None;
        let checked = allowed.and_then(|()| {
            effect = self.faults().hit(ServiceId::AgentCore, OPERATION);
            let error = effect.as_ref().and_then(|effect| effect.error(ServiceId::AgentCore, OPERATION));
            error.map_or_else(|| usable(&gateway, at), |error| Err(error.into()))
        });
        let answer = match checked {
            Ok(()) if effect == Some(FaultEffect::ReplyLostBefore) => Ok(None),
            Ok(()) => Ok(Some(self.speak_mcp(request, gateway).await)),
            Err(failure) => Err(failure),
        };
        let lost = matches!(effect, Some(FaultEffect::ReplyLostBefore | FaultEffect::ReplyLostAfter));
        let outcome = answer.as_ref().map(|_| ()).map_err(|failure| failure.error.code);
        self.record(CallRecord { at, principal, service: ServiceId::AgentCore, operation: OPERATION, outcome, lost });
        if lost { Ok(None) } else { answer }
    }

    async fn speak_mcp(&self, request: &Request<Vec<u8>>, gateway: Gateway) -> Response<Vec<u8>> {
        if request.method() != http::Method::POST {
            // Without sessions there is none to end and no stream to listen to.
            let mut response = json_response(405, &json!({"message": "Method Not Allowed"}));
            response.headers_mut().insert("allow", HeaderValue::from_static("POST"));
            return response;
        }
        if let Some(refused) = unsupported_version(request, &gateway) {
            return refused;
        }
        server::handle(self.clone(), gateway, request).await
    }
}

fn usable(gateway: &Gateway, now: SystemTime) -> Result<(), Failure> {
    match gateway.status(now) {
        Status::Ready | Status::Updating => Ok(()),
        status => {
            let text = format!("Gateway {} cannot be invoked while it is {}.", gateway.id, status.as_str());
            Err(ApiError::new(409, "ConflictException", text).into())
        }
    }
}

/// Refuses a revision that the gateway does not support, even if the official SDK knows it. `initialize` negotiates
/// instead.
fn unsupported_version(request: &Request<Vec<u8>>, gateway: &Gateway) -> Option<Response<Vec<u8>>> {
    let requested = request.headers().get("mcp-protocol-version")?.to_str().ok()?;
    let supported = gateway.supported_versions();
    let message = message(request);
    if message["method"] == "initialize" || supported.iter().any(|version| version == requested) {
        return None;
    }
    let error = json!({"code": -32022, "message": format!("Unsupported protocol version: {requested}"),
        "data": {"requested": requested, "supported": supported}});
    Some(json_response(400, &json!({"jsonrpc": "2.0", "id": message["id"], "error": error})))
}

/// Returns the JSON-RPC message in a body; `null` if it has none.
fn message(request: &Request<Vec<u8>>) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}

//! The data plane of Bedrock AgentCore: `InvokeAgentRuntime`, in front of the containers.
//!
//! A request passes: the caller (signature or token, as the runtime's version demands) → the caller's permissions → the
//! service model's constraints → faults → the runtime's state → its session's microVM, started if necessary → the
//! container. A refused call has the HTTP status of its exception. A later failure comes as a JSON-RPC error with status
//! 200 (MCP protocol contract in AgentCore's developer guide), unless
//! [`Settings::container_refusals`](crate::settings::Settings::container_refusals) changes this.

mod failure;
mod forward;
mod inbound;
mod invocation;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::{Method, Request, Response};

use self::failure::{Failure, invalid};
use self::inbound::Caller;
use self::invocation::{Invocation, MCP_SESSION, SESSION};
pub(crate) use self::target::is_data_plane;
use self::target::{Document, Target};
use crate::agentcore_control::{Runtime, Status, Version};
use crate::aws::{Aws, CallRecord};
use crate::container::{Admission, Gone, Server};
use crate::faults::FaultEffect;
use crate::model::{Model, Violation};
use crate::reply::{Reply, Stream, until};
use crate::service::{ApiError, ServiceId};
use crate::settings::{ContainerRefusals, Settings};
use crate::wire;

const OPERATION: &str = "InvokeAgentRuntime";
impl Aws {
    /// Serves one request to the data plane, in the time it takes. Holds no lock while it waits.
    pub(crate) async fn serve_data_plane(&self, request: &Request<Vec<u8>>) -> Reply {
        let request_id = self.next_request_id();
        let half = self.settings().call_latency / 2;
        tokio::time::sleep(half).await;
        let reply = match self.invoke(request, &request_id).await {
            Ok(reply) => reply,
            Err(failure) => Reply::Sent(failure.respond(request, &request_id, self.settings().container_refusals)),
        };
        tokio::time::sleep(half).await;
        reply
    }

    async fn invoke(&self, request: &Request<Vec<u8>>, request_id: &str) -> Result<Reply, Failure> {
        let target = Target::of(request, self.settings())?;
        if target.document == Document::ResourceMetadata {
            return self.resource_metadata(&target, request_id);
        }
        let Caller { principal, version } = self.admit_caller(request, &target)?;
        let at = self.clock().now();
        let mut effect = None;
        let checked = version.and_then(|version| {
            validate(request)?;
            effect = self.faults().hit(ServiceId::AgentCore, OPERATION);
            match &effect {
                Some(FaultEffect::ReplyLostBefore) => Ok(None),
                Some(fault) => match fault.error(ServiceId::AgentCore, OPERATION) {
                    Some(error) => Err(error.into()),
                    None => Ok(Some(version)),
                },
                None => Ok(Some(version)),
            }
        });
        let answer = match checked {
            Ok(Some(version)) => self.run(request, &target, version).await.map(Some),
            Ok(None) => Ok(None),
            Err(failure) => Err(failure),
        };
        let lost = matches!(effect, Some(FaultEffect::ReplyLostBefore | FaultEffect::ReplyLostAfter));
        let outcome = answer.as_ref().map(|_| ()).map_err(|failure| failure.error.code);
        self.record(CallRecord { at, principal, service: ServiceId::AgentCore, operation: OPERATION, outcome, lost });
        match answer {
            _ if lost => Ok(Reply::Lost),
            Ok(Some(response)) => Ok(Reply::Streamed(forward::back(response, request_id))),
            Ok(None) => Ok(Reply::Lost),
            Err(failure) => Err(failure),
        }
    }

    /// Serves a call that was admitted: from the runtime's state to the container's answer.
    async fn run(
        &self,
        request: &Request<Vec<u8>>,
        target: &Target,
        version: Version,
    ) -> Result<Response<Stream>, Failure> {
        let (arn, now) = (target.arn.clone(), self.clock().now());
        let status = self.with(|world| world.agentcore.runtime(target.id(), now).map(|it| usable(it, now)));
        if let Some(Err(status)) = status {
            let message = format!("Agent '{arn}' cannot be invoked while it is in the status {}.", status.as_str());
            return Err(ApiError::new(409, "RetryableConflictException", message).into());
        }
        if version.configuration.get("metadataConfiguration").is_none_or(|it| it["requireMMDSV2"] != true) {
            let message = format!("Agent '{arn}' is not MMDSv2-enabled. Update it with requireMMDSV2 set to true.");
            return Err(invalid(message).into());
        }
        if request.method() == Method::POST && !forward::accepts_both(request.headers()) {
            return Err(Failure::not_acceptable());
        }
        let given = [SESSION, MCP_SESSION].into_iter().find_map(|name| request.headers().get(name)?.to_str().ok());
        let session = given.map(str::to_owned);
        let session = session.unwrap_or_else(|| self.with(|world| world.containers.next_session_id()));
        // Sessions of other endpoints than `DEFAULT` are apart: they serve another version.
        let place = if target.qualifier == "DEFAULT" { arn } else { target.endpoint_arn() };
        let invocation = Invocation { session: (place, session), version, request };
        let request = self.with(|world| forward::to_container(&invocation, world.containers.strips_mcp_headers()))?;
        let server = self.microvm(&invocation).await?;
        if !forward::speaks_mcp(&invocation.version.configuration) {
            return Err(Failure::of_container(404));
        }
        let response = self.ask(server, request).await?;
        if !response.status().is_success() && self.settings().container_refusals != ContainerRefusals::Plain {
            return Err(Failure::of_container(response.status().as_u16()));
        }
        let response = forward::with_session(response, &invocation);
        if let Some(own) = response.headers().get(MCP_SESSION).and_then(|it| it.to_str().ok()) {
            let alias = (invocation.session.0.clone(), own.to_owned());
            self.with(|world| world.containers.alias(&invocation.session, alias));
        }
        Ok(response)
    }

    /// Passes a request on to a container, within the platform's limits of time.
    async fn ask(&self, server: Arc<Server>, request: Request<Vec<u8>>) -> Result<Response<Stream>, Failure> {
        let begun = tokio::time::Instant::now();
        let Settings { invocation_time, streaming_time, .. } = *self.settings();
        match tokio::time::timeout(invocation_time, server.handle(request)).await {
            Ok(Ok(response)) if forward::is_event_stream(response.headers()) => {
                Ok(response.map(|body| until(body, begun + streaming_time)))
            }
            Ok(Ok(response)) => Ok(response),
            Ok(Err(Gone)) => Err(Failure::of_container(502)),
            Err(_) => Err(Failure::of_container(504)),
        }
    }

    async fn microvm(&self, invocation: &Invocation<'_>) -> Result<Arc<Server>, Failure> {
        let now = self.clock().now();
        let admission = self.with(|world| world.containers.admit(&invocation.session, &invocation.version, now));
        match admission {
            Admission::Running(server) => Ok(server),
            Admission::Busy => {
                let message = "Session operation in progress, please retry";
                Err(ApiError::new(409, "RetryableConflictException", message).into())
            }
            Admission::Start(starting) => starting.run(self).await.ok_or_else(Failure::not_started),
        }
    }
}

/// Refuses a runtime that is being deleted or has no live version. The live version serves while a newer one is being
/// created.
fn usable(runtime: &Runtime, now: std::time::SystemTime) -> Result<(), Status> {
    let leaving = runtime.deletion.is_some();
    if leaving || runtime.live(now).is_none() { Err(runtime.status(now)) } else { Ok(()) }
}

/// Checks the request against the service model, which knows it as a POST.
fn validate(request: &Request<Vec<u8>>) -> Result<(), Failure> {
    let mut posted = Request::new(request.body().clone());
    *posted.method_mut() = Method::POST;
    *posted.uri_mut() = request.uri().clone();
    *posted.headers_mut() = request.headers().clone();
    let routed = wire::route(ServiceId::AgentCore, &posted).map_err(Failure::front)?;
    let model = Model::of(ServiceId::AgentCore);
    let shape = &model.operations[routed.operation].input;
    let violations = model.validate_members(shape, &routed.input);
    if violations.is_empty() { Ok(()) } else { Err(Failure::front(invalid(Violation::message(&violations)))) }
}

//! Requests and responses on their way between a caller and a container.

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use super::failure::{Failure, invalid, message};
use super::invocation::{Invocation, MCP_SESSION, SESSION};
use crate::agentcore_control::Configuration;
use crate::model::{Location, Model};
use crate::service::ServiceId;

/// Bytes of one allowlisted header [DG runtime-header-allowlist].
const HEADER_MAX: usize = 4096;

/// Modelled, and yet seen to be missing.
const SOMETIMES_MISSING: [&str; 3] = ["mcp-protocol-version", "mcp-method", "mcp-name"];

pub(super) fn speaks_mcp(configuration: &Configuration) -> bool {
    configuration.get("protocolConfiguration").is_some_and(|protocol| protocol["serverProtocol"] == "MCP")
}

pub(super) fn accepts_both(headers: &HeaderMap) -> bool {
    let accepted: Vec<&str> = headers
        .get_all("accept")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .map(str::trim)
        .collect();
    ["application/json", "text/event-stream"].iter().all(|needed| accepted.contains(needed))
}

/// Converts the request to the form that the container gets: with the headers that the API models, those on the
/// runtime's allowlist, and no others.
///
/// The platform adds its session id as `Mcp-Session-Id` where the caller sent none, except to `initialize`: a stateful
/// server would look for a session that does not exist yet.
pub(super) fn to_container(invocation: &Invocation<'_>, strips: bool) -> Result<Request<Vec<u8>>, Failure> {
    let Invocation { version, session, request } = invocation;
    let allowlist = version.configuration.request_headers();
    let listed = |name: &HeaderName| allowlist.iter().any(|listed| name.as_str().eq_ignore_ascii_case(listed));
    let model = Model::of(ServiceId::AgentCore);
    let members = &model.structure("InvokeAgentRuntimeRequest").members;
    let modelled = |name: &HeaderName| {
        members
            .values()
            .any(|member| member.location == Location::Header && name.as_str().eq_ignore_ascii_case(&member.name))
    };
    let missing = |name: &HeaderName| strips && SOMETIMES_MISSING.contains(&name.as_str());
    let mut forwarded = HeaderMap::new();
    for (name, value) in request.headers() {
        if listed(name) && value.len() > HEADER_MAX {
            return Err(invalid(format!("The value of the header '{name}' is longer than 4 KB.")).into());
        }
        if listed(name) || (modelled(name) && !missing(name)) {
            forwarded.append(name, value.clone());
        }
    }
    forwarded.insert("host", HeaderValue::from_static("localhost:8000"));
    let initializes = message(request)["method"] == "initialize";
    if let (false, false, Ok(id)) =
        (forwarded.contains_key(MCP_SESSION), initializes, HeaderValue::from_str(&session.1))
    {
        forwarded.insert(MCP_SESSION, id);
    }
    let mut to_container = Request::new(request.body().clone());
    *to_container.method_mut() = request.method().clone();
    *to_container.uri_mut() = http::Uri::from_static("/mcp");
    *to_container.headers_mut() = forwarded;
    Ok(to_container)
}

/// Adds the session id that the caller always gets: the server's own, else the platform's.
pub(super) fn with_session<B>(mut response: Response<B>, invocation: &Invocation<'_>) -> Response<B> {
    if let Ok(id) = HeaderValue::from_str(&invocation.session.1) {
        let headers = response.headers_mut();
        headers.entry(MCP_SESSION).or_insert_with(|| id.clone());
        headers.insert(SESSION, id);
    }
    response
}

pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// Converts the container's response to the form that the caller gets.
pub(super) fn back<B>(mut response: Response<B>, request_id: &str) -> Response<B> {
    let kept = ["content-type", "allow", "location", MCP_SESSION, SESSION, "mcp-protocol-version"];
    let headers = std::mem::take(response.headers_mut());
    for name in kept {
        if let Some(value) = headers.get(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

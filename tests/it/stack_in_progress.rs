//! CloudFormation's answer about a stack in progress, for connectors that answer by themselves.

use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

const ANSWER: &str = "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
    <DescribeStacksResult><Stacks><member><StackName>mcp</StackName><CreationTime>2026-11-01T00:00:00Z</CreationTime>\
    <StackStatus>UPDATE_IN_PROGRESS</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";

/// Answers a request that describes one stack: it is being updated. Returns `None` for any other request.
pub(crate) fn answer(request: &HttpRequest) -> Option<HttpConnectorFuture> {
    let form = request.body().bytes().unwrap_or_default();
    let form = std::str::from_utf8(form).unwrap_or_default();
    if !(form.starts_with("Action=DescribeStacks&") && form.contains("&StackName=")) {
        return None;
    }
    let response = HttpResponse::new(200.try_into().expect("a status"), SdkBody::from(ANSWER));
    Some(HttpConnectorFuture::ready(Ok(response)))
}

//! An HTTP connector in memory. It runs on its caller's task, without sockets or threads, so that paused tokio time
//! works.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderValue, Request};
use http_body_util::BodyExt;

use super::route;
use crate::aws::Aws;

/// Returns a connector that reaches the services' endpoints, the gateways, the response bucket and the identity providers
/// by their host names, and nothing else.
#[must_use]
pub fn http_connector(aws: &Aws) -> SharedHttpConnector {
    SharedHttpConnector::new(InMemory(aws.clone()))
}

#[derive(Clone, Debug)]
struct InMemory(Aws);

impl HttpConnector for InMemory {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let aws = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = received(request).await?;
            let host = request.uri().host().unwrap_or_default().to_owned();
            if request.uri().scheme() != Some(&http::uri::Scheme::HTTPS) {
                return Err(ConnectorError::io(format!("{host} speaks https only").into()).never_connected());
            }
            let reply = route::serve(&aws, &request).await;
            let Some(reply) = reply else {
                return Err(ConnectorError::io(format!("no such host: {host}").into()).never_connected());
            };
            let response = reply.into_response().map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|it| ConnectorError::other(it.into(), None))
        })
    }
}

/// Converts the request to the form in which a server receives it from an HTTP/1.1 client.
async fn received(request: HttpRequest) -> Result<Request<Vec<u8>>, ConnectorError> {
    let request = request.try_into_http1x().map_err(|problem| ConnectorError::user(problem.into()))?;
    let (mut parts, body) = request.into_parts();
    match body.content_length() {
        // hyper sends a body of unknown length in chunks.
        None => parts.headers.append(TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
        Some(length) => parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length)).is_some(),
    };
    if let Some(host) = parts.uri.authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok()) {
        parts.headers.entry(HOST).or_insert(host);
    }
    let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
    Ok(Request::from_parts(parts, body.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::faults::{ResponseFault, ResponseFaultEffect};
    use crate::service::Principal;
    use crate::settings::Settings;
    use crate::sigv4::tests::{secrets_manager, signed};

    async fn send(aws: &Aws, request: Request<SdkBody>) -> Result<u16, ConnectorError> {
        let request = HttpRequest::try_from(request).expect("a request");
        InMemory(aws.clone()).call(request).await.map(|response| response.status().as_u16())
    }

    fn put(url: &str, body: SdkBody) -> Request<SdkBody> {
        Request::put(url).body(body).expect("a request")
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_the_latency_and_no_more() {
        let aws = Aws::new(Settings { call_latency: Duration::from_secs(2), ..Settings::default() });
        let credentials = aws.credentials(&Principal::Administrator);
        let request = signed(secrets_manager("ListSecrets", "{}"), &credentials, "secretsmanager", aws.clock().now());
        assert_eq!(send(&aws, request.map(SdkBody::from)).await.ok(), Some(200));
        assert_eq!(aws.clock().elapsed(), Duration::from_secs(2));
        assert_eq!(aws.calls()[0].at, aws.settings().start + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_endpoints_of_the_region_are_reached() {
        let aws = Aws::new(Settings::default());
        for url in ["https://secretsmanager.eu-west-1.amazonaws.com/", "http://secretsmanager.us-east-1.amazonaws.com/"]
        {
            let error = send(&aws, put(url, SdkBody::empty())).await.expect_err("nobody is there");
            assert!(error.is_io(), "{url}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_response_bucket_is_reached_and_its_faults_too() {
        let aws = Aws::new(Settings::default());
        let now = aws.clock().now();
        let url = aws.with(|world| world.responses.presign("id", now));
        for (nth, effect) in [
            ResponseFaultEffect::Unavailable,
            ResponseFaultEffect::ReplyLostBefore,
            ResponseFaultEffect::ReplyLostAfter,
        ]
        .into_iter()
        .enumerate()
        {
            aws.faults().add_response(ResponseFault { nth: nth as u64 + 1, count: 1, effect });
        }
        let answered = || aws.with(|world| world.responses.take_answer(&url)).is_some();
        assert_eq!(send(&aws, put(&url, SdkBody::from("{}"))).await.ok(), Some(503));
        assert!(send(&aws, put(&url, SdkBody::from("{}"))).await.expect_err("lost").is_io());
        assert!(!answered());
        assert!(send(&aws, put(&url, SdkBody::from("{}"))).await.expect_err("lost").is_io());
        assert!(answered());
        assert_eq!(send(&aws, put(&url, SdkBody::from("{}"))).await.ok(), Some(200));
        let chunked = SdkBody::from_body_1_x(http_body_util::StreamBody::new(futures_util::stream::iter([Ok::<
            _,
            std::convert::Infallible,
        >(
            hyper::body::Frame::data(hyper::body::Bytes::from_static(b"{}")),
        )])));
        assert_eq!(send(&aws, put(&url, chunked)).await.ok(), Some(501));
    }
}

//! Updates that lose nothing. AgentCore's updates are full replacements: a member that a request leaves out is reset.
//! So an update sends the members that no property of ours governs back as the last Get showed them.
//!
//! The update works in the JSON of both messages and not in the SDK's types: these lack members that are newer than
//! they are, and would drop them (botocore 1.44.8 has several that no release of the Rust SDK has).

use std::fmt;
use std::future::Future;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::job::Job;
use crate::last_get::Recorder;
use crate::wait;

mod governed;

pub(crate) use governed::{Governed, Rule};

/// Updates the resource `id`: sends the members that `update` sets, and every member that is not `governed` as the last
/// Get showed it. `get` is called again if that Get is not recent, and before every repeat of the update. A change by
/// somebody else is then lost only if it happens between the two calls. Both come with their names as IAM actions. May
/// run twice, as far as the update may.
pub(crate) async fn put<G, GE, GF, U, UE, UF>(
    job: &Job<'_>,
    id: &str,
    governed: &'static Governed,
    (get_name, get): (&'static str, impl Fn(Recorder) -> GF),
    (update_name, update): (&'static str, impl Fn(Kept) -> UF),
) -> Result<U, Error>
where
    GF: Future<Output = Result<G, SdkError<GE, HttpResponse>>>,
    GE: ProvideErrorMetadata + std::error::Error + 'static,
    UF: Future<Output = Result<U, SdkError<UE, HttpResponse>>>,
    UE: ProvideErrorMetadata + std::error::Error + 'static,
{
    wait::repeat(job.deadline, update_name, async || {
        // After an update was refused, an earlier Get may show the middle of somebody else's change.
        let mut shown = job.last_gets.take(id).filter(|_| !job.last_gets.is_doubtful());
        if shown.is_none() {
            wait::once(get_name, get(job.last_gets.record(id))).await?;
            shown = job.last_gets.take(id);
        }
        let answer = wait::once(update_name, update(Kept { shown, governed })).await;
        if answer.is_err() {
            job.last_gets.doubt();
        }
        answer
    })
    .await
}

/// Adds to the request of an update what the Get before it showed.
pub(crate) struct Kept {
    shown: Option<Map<String, Value>>,
    governed: &'static Governed,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

#[dyn_dispatch_hint]
impl Intercept for Kept {
    fn name(&self) -> &'static str {
        "Kept"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Without the present members, the update would reset them. The parser's message is omitted, because it may quote
        // a value.
        let shown = self.shown.clone().ok_or("the answer to the Get before the update is not a JSON object")?;
        let request = context.request_mut();
        let asked = request.body().bytes().and_then(|body| serde_json::from_slice(body).ok());
        let body = self.governed.merge(asked.ok_or("the update has no JSON object as its body")?, shown);
        let body = Value::Object(body).to_string();
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body);
        Ok(())
    }
}

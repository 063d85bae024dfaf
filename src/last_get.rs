//! The answer to the last Get of AgentCore as it came, for the update that has to send back what it does not govern.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::{Map, Value};
use tokio::time::Instant;

/// The maximum age of a Get's answer that an update may use.
const FRESH: Duration = Duration::from_secs(2);

/// The answer to a job's last Get as it came. Never printed: an answer holds environment variables.
#[derive(Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    answer: Option<Answer>,
    /// True after an update was refused: from then on each update asks for itself.
    doubtful: bool,
}

struct Answer {
    id: String,
    asked_at: Instant,
    members: Map<String, Value>,
}

impl Shown {
    /// Returns what takes down the answer to a Get of the resource `id` that is about to be sent.
    pub(crate) fn watch(&self, id: &(impl ToString + ?Sized)) -> Watch {
        Watch { shown: self.clone(), id: id.to_string(), asked_at: Instant::now() }
    }

    /// Returns what the last Get showed, if it was one of this resource and is fresh. An update uses it up.
    pub(crate) fn take(&self, id: &str) -> Option<Map<String, Value>> {
        let answer = self.state().answer.take()?;
        (answer.id == id && answer.asked_at.elapsed() < FRESH).then_some(answer.members)
    }

    pub(crate) fn is_doubtful(&self) -> bool {
        self.state().doubtful
    }

    pub(crate) fn doubt(&self) {
        self.state().doubtful = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

/// Takes down the answer to one Get.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    shown: Shown,
    id: String,
    asked_at: Instant,
}

#[dyn_dispatch_hint]
impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // A refusal is a JSON object, too.
        let body = response.body().bytes().filter(|_| response.status().is_success());
        let members = body.and_then(|body| serde_json::from_slice(body).ok());
        let answer = |members| Answer { id: self.id.clone(), asked_at: self.asked_at, members };
        self.shown.state().answer = members.map(answer);
        Ok(())
    }
}

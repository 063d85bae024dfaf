//! The answers to the last Gets of AgentCore as they came, for updates that have to send back the members that they do
//! not govern.

use std::collections::BTreeMap;
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

/// The answers to a job's last Get of each resource, as they came. Never printed: an answer holds environment variables.
#[derive(Clone, Default)]
pub(crate) struct LastGets(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The answers by resource id.
    answers: BTreeMap<String, Answer>,
    /// True after an update was refused: from then on each update asks for itself.
    doubtful: bool,
}

struct Answer {
    asked_at: Instant,
    members: Map<String, Value>,
}

impl LastGets {
    /// Returns the interceptor that records the answer to a Get of the resource `id`, which is about to be sent.
    pub(crate) fn record(&self, id: &(impl ToString + ?Sized)) -> Recorder {
        Recorder { last_gets: self.clone(), id: id.to_string(), asked_at: Instant::now() }
    }

    /// Takes the answer to the last Get of the resource, if that is recent. An update uses the answer up.
    pub(crate) fn take(&self, id: &str) -> Option<Map<String, Value>> {
        let answer = self.state().answers.remove(id)?;
        (answer.asked_at.elapsed() < FRESH).then_some(answer.members)
    }

    /// Returns true after an update was refused.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.state().doubtful
    }

    /// Notes that an update was refused: an earlier Get may show the middle of somebody else's change.
    pub(crate) fn doubt(&self) {
        self.state().doubtful = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LastGets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastGets")
    }
}

/// Records the answer to one Get.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    last_gets: LastGets,
    id: String,
    asked_at: Instant,
}

#[dyn_dispatch_hint]
impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // An error is a JSON object, too.
        let body = response.body().bytes().filter(|_| response.status().is_success());
        let members = body.and_then(|body| serde_json::from_slice(body).ok());
        let mut state = self.last_gets.state();
        match members {
            Some(members) => drop(state.answers.insert(self.id.clone(), Answer { asked_at: self.asked_at, members })),
            None => drop(state.answers.remove(&self.id)),
        }
        Ok(())
    }
}

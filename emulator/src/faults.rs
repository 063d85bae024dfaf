//! Faults: the k-th call of a kind goes wrong. Separate from the services, which do not know the faults.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::{Model, Protocol};
use crate::service::{ApiError, Outcome, ServiceId};

/// A fault for calls to the services' APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Calls to this service; to any, if absent.
    pub service: Option<ServiceId>,
    /// Calls of this operation, `CreateAgentRuntime`; of any, if absent.
    pub operation: Option<String>,
    /// The first call it hits, counted from one among the matching calls after it was added.
    pub nth: u64,
    /// The number of matching calls in a row that it hits, from the `nth` on.
    pub count: u64,
    /// The effect on them.
    pub effect: FaultEffect,
}

impl Fault {
    fn matches(&self, service: ServiceId, operation: &str) -> bool {
        self.service.is_none_or(|it| it == service) && self.operation.as_deref().is_none_or(|it| it == operation)
    }

    /// Returns true if it concerns the operation that a call starts, rather than the call.
    fn outcome_matters(&self) -> bool {
        matches!(self.effect, FaultEffect::BecomesFailed(_) | FaultEffect::Stuck)
    }
}

/// The effect of a fault on a call that it hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultEffect {
    /// It is answered with `ThrottlingException`.
    Throttled,
    /// It is answered with `ServiceQuotaExceededException`, status 402.
    QuotaExceeded,
    /// It is answered with the service's internal error, status 500.
    InternalError,
    /// It is answered with `AccessDeniedException`.
    Denied,
    /// It is answered with Secrets Manager's `InvalidParameterException`, which quotes the input.
    QuotesInput,
    /// The connection breaks before the call has an effect.
    ReplyLostBefore,
    /// The connection breaks after the call has had its effect.
    ReplyLostAfter,
    /// The asynchronous operation it starts ends in its failed state, with this reason.
    BecomesFailed(String),
    /// The asynchronous operation it starts never ends.
    Stuck,
}

/// A fault for answers sent to CloudFormation's response bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseFault {
    /// The first PUT it hits, counted from one among those after it was added.
    pub nth: u64,
    /// The number of PUTs in a row that it hits, from the `nth` on.
    pub count: u64,
    /// The effect on them.
    pub effect: ResponseFaultEffect,
}

/// The effect of a fault on a PUT that it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFaultEffect {
    /// It is answered with `503 Slow Down`; nothing is stored.
    Unavailable,
    /// The connection breaks before anything is stored.
    ReplyLostBefore,
    /// The connection breaks after the answer is stored.
    ReplyLostAfter,
}

/// The faults in force. A call counts for every fault it matches; the one added first decides what happens to it.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Armed>);

#[derive(Debug, Default)]
struct Armed {
    calls: Vec<(Fault, u64)>,
    responses: Vec<(ResponseFault, u64)>,
}

impl Faults {
    /// Adds a fault. It counts from now on.
    pub fn add(&self, fault: Fault) {
        self.armed().calls.push((fault, 0));
    }

    /// Adds a fault of the response bucket. It counts from now on.
    pub fn add_response(&self, fault: ResponseFault) {
        self.armed().responses.push((fault, 0));
    }

    /// Removes every fault.
    pub fn clear(&self) {
        *self.armed() = Armed::default();
    }

    /// Counts a call and returns the fault that has to happen to it.
    pub(crate) fn hit(&self, service: ServiceId, operation: &str) -> Option<FaultEffect> {
        let mut effect = None;
        for (fault, seen) in &mut self.armed().calls {
            if fault.matches(service, operation) && due(seen, fault.nth, fault.count) {
                effect = effect.or_else(|| Some(fault.effect.clone()));
            }
        }
        effect
    }

    /// Takes back the count of a call for the faults of what it starts: it was refused and started nothing, so the next
    /// call is the one to hit.
    pub(crate) fn started_nothing(&self, service: ServiceId, operation: &str) {
        for (fault, seen) in &mut self.armed().calls {
            if fault.outcome_matters() && fault.matches(service, operation) {
                *seen = seen.saturating_sub(1);
            }
        }
    }

    /// Counts a PUT to the response bucket and returns the fault that has to happen to it.
    pub(crate) fn hit_response(&self) -> Option<ResponseFaultEffect> {
        let mut effect = None;
        for (fault, seen) in &mut self.armed().responses {
            if due(seen, fault.nth, fault.count) {
                effect = effect.or(Some(fault.effect));
            }
        }
        effect
    }

    fn armed(&self) -> MutexGuard<'_, Armed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn due(seen: &mut u64, nth: u64, count: u64) -> bool {
    *seen += 1;
    (nth..nth.saturating_add(count)).contains(seen)
}

impl FaultEffect {
    /// Returns the error with which this effect answers a call, if it does so whatever the input is.
    pub(crate) fn error(&self, service: ServiceId, operation: &str) -> Option<ApiError> {
        let json = Model::of(service).protocol == Protocol::Json;
        match self {
            Self::Throttled => {
                Some(ApiError::new(if json { 400 } else { 429 }, "ThrottlingException", "Rate exceeded"))
            }
            Self::QuotaExceeded => {
                let message = "Maximum number of active sessions reached for this account.";
                Some(ApiError::new(402, "ServiceQuotaExceededException", message))
            }
            Self::InternalError => {
                let code = match service {
                    ServiceId::SecretsManager => "InternalServiceError",
                    ServiceId::AgentCoreControl | ServiceId::AgentCore => "InternalServerException",
                    ServiceId::Logs => "ServiceUnavailableException",
                    ServiceId::CloudFormation | ServiceId::Sts => "InternalFailure",
                };
                Some(ApiError::new(500, code, "An internal error has occurred. Retry your request."))
            }
            Self::Denied => {
                let action = format!("{}:{operation}", Model::of(service).signing_name);
                let message = format!("The caller is not authorized to perform: {action}");
                Some(ApiError::new(if json { 400 } else { 403 }, "AccessDeniedException", message))
            }
            Self::QuotesInput | Self::ReplyLostBefore | Self::ReplyLostAfter | Self::BecomesFailed(_) | Self::Stuck => {
                None
            }
        }
    }

    /// Returns the end of the asynchronous operation of a call with this effect.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::BecomesFailed(reason) => Outcome::Failed(reason.clone()),
            Self::Stuck => Outcome::Stuck,
            _ => Outcome::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(service: Option<ServiceId>, operation: Option<&str>, nth: u64, count: u64) -> Fault {
        Fault { service, operation: operation.map(str::to_owned), nth, count, effect: FaultEffect::Throttled }
    }

    #[test]
    fn the_kth_matching_calls_in_a_row_are_hit() {
        let faults = Faults::default();
        faults.add(throttle(Some(ServiceId::SecretsManager), Some("CreateSecret"), 2, 2));
        let hits = |service, operation: &str| faults.hit(service, operation).is_some();
        assert!(!hits(ServiceId::SecretsManager, "CreateSecret"));
        assert!(!hits(ServiceId::SecretsManager, "DescribeSecret"), "another operation is neither hit nor counted");
        assert!(!hits(ServiceId::AgentCoreControl, "CreateSecret"), "another service is neither hit nor counted");
        assert!(hits(ServiceId::SecretsManager, "CreateSecret"));
        assert!(hits(ServiceId::SecretsManager, "CreateSecret"));
        assert!(!hits(ServiceId::SecretsManager, "CreateSecret"));
    }

    #[test]
    fn the_fault_added_first_decides_and_every_match_counts() {
        let faults = Faults::default();
        faults.add(Fault { effect: FaultEffect::Denied, ..throttle(None, None, 1, 1) });
        faults.add(throttle(None, None, 1, 2));
        assert_eq!(faults.hit(ServiceId::SecretsManager, "GetSecretValue"), Some(FaultEffect::Denied));
        assert_eq!(faults.hit(ServiceId::SecretsManager, "GetSecretValue"), Some(FaultEffect::Throttled));
        assert_eq!(faults.hit(ServiceId::SecretsManager, "GetSecretValue"), None);
        faults.add(throttle(None, None, 1, u64::MAX));
        faults.clear();
        assert_eq!(faults.hit(ServiceId::SecretsManager, "GetSecretValue"), None);
    }

    #[test]
    fn a_refused_call_does_not_count_for_faults_of_what_it_starts() {
        let faults = Faults::default();
        let stuck = throttle(None, Some("CreateAgentRuntime"), 1, 1);
        faults.add(Fault { effect: FaultEffect::Stuck, ..stuck });
        let hit = || faults.hit(ServiceId::AgentCoreControl, "CreateAgentRuntime");
        assert_eq!(hit(), Some(FaultEffect::Stuck));
        faults.started_nothing(ServiceId::AgentCoreControl, "CreateAgentRuntime");
        assert_eq!(hit(), Some(FaultEffect::Stuck));
        assert_eq!(hit(), None);
    }

    #[test]
    fn response_faults_count_apart() {
        let faults = Faults::default();
        let effect = ResponseFaultEffect::Unavailable;
        faults.add_response(ResponseFault { nth: 1, count: 1, effect });
        assert_eq!(faults.hit(ServiceId::SecretsManager, "GetSecretValue"), None);
        assert_eq!(faults.hit_response(), Some(effect));
        assert_eq!(faults.hit_response(), None);
    }
}

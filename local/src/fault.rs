//! `--fault`: a fault in a few characters.

use std::str::FromStr;

use emulator::aws::Aws;
use emulator::container::{Behaviour, Start};
use emulator::faults::{Fault, FaultEffect, ResponseFault, ResponseFaultEffect};
use emulator::model::Model;
use emulator::service::ServiceId;

/// The one fault that concerns no call.
const CONTAINER_CRASH: &str = "container-crash";
/// The name for the answer to CloudFormation, which is a PUT to a pre-signed URL and not an operation of a service.
const PUT_RESPONSE: &str = "PutResponse";

/// The long help of `--fault`.
pub(crate) const HELP: &str = "\
Make calls go wrong: EFFECT:OPERATION[@K][xN][=REASON], several times if wanted. It hits N calls (1 if left out) of \
OPERATION from the K-th on (the first if left out).

  throttle:CreateAgentRuntime         answered with a throttling error
  error:CreateSecret@2x8              answered with an internal error, status 500
  denied:GetSecretValue               answered with AccessDeniedException
  lost-request:CreateSecret           the connection breaks before the call has its effect
  lost-reply:CreateSecret             the connection breaks after the call has had its effect
  failed:CreateAgentRuntime=No image  what the call starts ends in its failed state, with that reason
  stuck:CreateAgentRuntime            what the call starts never ends (use it with --fast-forward)
  container-crash[=LAST WORDS]        every container exits when it is started, after printing that line

OPERATION is an operation of Secrets Manager or of the AgentCore control plane, `*` for any call, or PutResponse for \
the answer to CloudFormation (error, lost-request, lost-reply).";

/// One value of `--fault`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaultSpec {
    Call(Fault),
    Response(ResponseFault),
    /// Containers exit at their start, after this line.
    ContainerCrash(String),
}

impl FaultSpec {
    /// Activates the fault, which counts calls from now on.
    pub(crate) fn arm(&self, aws: &Aws) {
        match self {
            Self::Call(fault) => aws.faults().add(fault.clone()),
            Self::Response(fault) => aws.faults().add_response(fault.clone()),
            Self::ContainerCrash(line) => {
                let start = Start::Crash(line.clone());
                aws.with(|world| world.containers.behave(Behaviour { start, ..Behaviour::default() }));
            }
        }
    }
}

impl FromStr for FaultSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(line) = text.strip_prefix(CONTAINER_CRASH) {
            let line = line.strip_prefix('=').unwrap_or("SystemExit: made to exit by --fault");
            return Ok(Self::ContainerCrash(line.to_owned()));
        }
        let (effect, target) = text.split_once(':').ok_or_else(|| format!("`{text}` is not EFFECT:OPERATION"))?;
        let (target, reason) = match target.split_once('=') {
            Some((target, reason)) => (target, Some(reason)),
            None => (target, None),
        };
        let (target, count) = numbered(target, 'x');
        let (operation, nth) = numbered(target, '@');
        if reason.is_some() && effect != "failed" {
            return Err(format!("`{effect}` takes no reason; only `failed` does"));
        }
        if operation == PUT_RESPONSE {
            let effect = match effect {
                "error" => ResponseFaultEffect::Unavailable,
                "lost-request" => ResponseFaultEffect::ReplyLostBefore,
                "lost-reply" => ResponseFaultEffect::ReplyLostAfter,
                _ => {
                    return Err(format!(
                        "`{effect}` cannot happen to {PUT_RESPONSE}; use error, lost-request or lost-reply"
                    ));
                }
            };
            return Ok(Self::Response(ResponseFault { nth, count, effect }));
        }
        let effect = match effect {
            "throttle" => FaultEffect::Throttled,
            "error" => FaultEffect::InternalError,
            "denied" => FaultEffect::Denied,
            "lost-request" => FaultEffect::ReplyLostBefore,
            "lost-reply" => FaultEffect::ReplyLostAfter,
            "failed" => FaultEffect::BecomesFailed(reason.unwrap_or("made to fail by --fault").to_owned()),
            "stuck" => FaultEffect::Stuck,
            _ => {
                let known = "throttle, error, denied, lost-request, lost-reply, failed, stuck";
                return Err(format!("`{effect}` is not an effect; use one of {known}"));
            }
        };
        let known = ServiceId::ALL.iter().any(|&service| Model::of(service).operations.contains_key(operation));
        if !known && operation != "*" {
            return Err(format!(
                "`{operation}` is not an operation of the emulated services, such as CreateAgentRuntime"
            ));
        }
        let operation = (operation != "*").then(|| operation.to_owned());
        Ok(Self::Call(Fault { service: None, operation, nth, count, effect }))
    }
}

/// Splits a number off the end of `text`, such as `…x8`. Without one the number is 1.
fn numbered(text: &str, mark: char) -> (&str, u64) {
    text.rsplit_once(mark).and_then(|(rest, number)| Some((rest, number.parse().ok()?))).unwrap_or((text, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str, nth: u64, count: u64, effect: FaultEffect) -> FaultSpec {
        FaultSpec::Call(Fault { service: None, operation: Some(operation.to_owned()), nth, count, effect })
    }

    #[test]
    fn a_fault_names_effect_operation_position_and_count() {
        let failed = FaultEffect::BecomesFailed("no image: x=1".to_owned());
        assert_eq!("throttle:CreateSecret".parse(), Ok(call("CreateSecret", 1, 1, FaultEffect::Throttled)));
        assert_eq!("error:CreateSecretx8".parse(), Ok(call("CreateSecret", 1, 8, FaultEffect::InternalError)));
        assert_eq!("denied:GetSecretValue@3x2".parse(), Ok(call("GetSecretValue", 3, 2, FaultEffect::Denied)));
        assert_eq!("failed:CreateAgentRuntime=no image: x=1".parse(), Ok(call("CreateAgentRuntime", 1, 1, failed)));
        let response = ResponseFault { nth: 2, count: 1, effect: ResponseFaultEffect::Unavailable };
        assert_eq!("error:PutResponse@2".parse(), Ok(FaultSpec::Response(response)));
        let any = Fault { service: None, operation: None, nth: 1, count: 1, effect: FaultEffect::Stuck };
        assert_eq!("stuck:*".parse(), Ok(FaultSpec::Call(any)));
    }

    #[test]
    fn a_malformed_fault_is_refused_with_the_part_that_is_wrong() {
        let refused = |text: &str| text.parse::<FaultSpec>().expect_err("it is malformed");
        assert_eq!(refused("CreateSecret"), "`CreateSecret` is not EFFECT:OPERATION");
        assert!(refused("slow:CreateSecret").starts_with("`slow` is not an effect; use one of throttle"));
        assert!(refused("error:CreateSecrets").starts_with("`CreateSecrets` is not an operation"));
        assert!(refused("stuck:PutResponse").starts_with("`stuck` cannot happen to PutResponse"));
        assert!(refused("error:CreateSecret=why").starts_with("`error` takes no reason"));
    }
}

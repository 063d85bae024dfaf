//! The one handle on the emulated account, and the one path every call takes:
//! authenticate → route → validate → authorize → faults → execute → record.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use http::Request;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::agentcore_control::{AgentCoreControl, Dependencies, Work};
use crate::clock::Clock;
use crate::container::Containers;
use crate::event_bus::{Delivery, EventBus};
use crate::faults::{FaultEffect, Faults, ResponseFaultEffect};
use crate::iam::Iam;
use crate::identity_provider::IdentityProviders;
use crate::ids::uuid;
use crate::logs::Logs;
use crate::mcp_servers::McpServers;
use crate::model::{Model, Violation};
use crate::objects::Objects;
use crate::reply::Reply;
use crate::response_bucket::ResponseBucket;
use crate::secrets_manager::SecretsManager;
use crate::service::{Answer, ApiError, Call, Outcome, Principal};
use crate::settings::Settings;
use crate::sigv4::{self, Authorization};
use crate::stacks::Stacks;
use crate::wire;

pub use crate::service::{Credentials, ServiceId};

/// The emulated account. Clones are the same account.
#[derive(Clone)]
pub struct Aws(Arc<Account>);

struct Account {
    settings: Settings,
    clock: Clock,
    faults: Faults,
    state: Mutex<State>,
    /// Takes the events that the event bus delivers.
    receiver: OnceLock<Receiver>,
    start_work: StartWork,
}

type Receiver = Box<dyn Fn(Delivery) + Send + Sync>;

/// Starts what a call of the control plane leaves to be done.
pub(crate) type StartWork = fn(&Aws, Work);

struct State {
    world: World,
    /// By access key.
    credentials: BTreeMap<String, (Principal, Credentials)>,
    calls: Vec<CallRecord>,
    requests: u64,
}

/// Everything the services know.
#[derive(Debug)]
pub struct World {
    /// AWS Secrets Manager.
    pub secrets: SecretsManager,
    /// The control plane of Bedrock AgentCore.
    pub agentcore: AgentCoreControl,
    /// Roles and their policies.
    pub iam: Iam,
    /// Identity providers outside AWS, which issue the tokens that authorizers check.
    pub identity_providers: IdentityProviders,
    /// The containers that run in the runtimes.
    pub containers: Containers,
    /// MCP servers outside of AgentCore.
    pub mcp_servers: McpServers,
    /// CloudWatch Logs.
    pub logs: Logs,
    /// Objects in S3.
    pub objects: Objects,
    /// EventBridge.
    pub event_bus: EventBus,
    /// CloudFormation's response bucket.
    pub responses: ResponseBucket,
    /// Stacks, as CloudFormation's API describes them.
    pub stacks: Stacks,
}

/// A call that was authenticated and named an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// The time at which it had its effect.
    pub at: SystemTime,
    /// The caller.
    pub principal: Principal,
    /// The service.
    pub service: ServiceId,
    /// The operation.
    pub operation: &'static str,
    /// Success, or the error's code: what the service answered, even if the answer was lost. A call that was lost before
    /// it had an effect counts as a success without one.
    pub outcome: Result<(), &'static str>,
    /// The caller never got the answer.
    pub lost: bool,
}

impl Aws {
    /// Creates an empty account, whose calls hand the work that they leave to `start_work`.
    pub(crate) fn working_by(settings: Settings, start_work: StartWork) -> Self {
        let world = World {
            secrets: SecretsManager::new(&settings),
            agentcore: AgentCoreControl::new(&settings),
            iam: Iam::new(&settings),
            identity_providers: IdentityProviders::default(),
            containers: Containers::default(),
            mcp_servers: McpServers::default(),
            logs: Logs::new(&settings),
            objects: Objects::default(),
            event_bus: EventBus::new(&settings),
            responses: ResponseBucket::new(&settings),
            stacks: Stacks::new(&settings),
        };
        let state = State { world, credentials: BTreeMap::new(), calls: Vec::new(), requests: 0 };
        let clock = Clock::starting_at(settings.start);
        let (faults, state, receiver) = (Faults::default(), Mutex::new(state), OnceLock::new());
        Self(Arc::new(Account { settings, clock, faults, state, receiver, start_work }))
    }

    /// Returns the settings that the account was created with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Returns the account's clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// Returns the faults that apply to calls through the transports.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Hands every event that the event bus delivers to `receiver`, which invokes the functions of the account. The
    /// first receiver stays.
    pub fn on_delivery(&self, receiver: impl Fn(Delivery) + Send + Sync + 'static) {
        let _ = self.0.receiver.set(Box::new(receiver));
    }

    /// Looks at or changes the services' state directly. `f` must not call other methods of this handle: they would
    /// wait for it forever.
    pub fn with<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        f(&mut self.state().world)
    }

    /// Calls an operation without transport, latency or faults. The call is still validated, authorized and recorded. Needs
    /// to be called inside a tokio runtime.
    ///
    /// # Panics
    /// If the input is not a JSON object.
    pub fn call(&self, principal: &Principal, service: ServiceId, operation: &str, input: Value) -> Answer {
        let Value::Object(input) = input else { panic!("the input of {operation} should be an object: {input}") };
        let Some((operation, _)) = Model::of(service).operation(operation) else {
            let message = format!("{} has no operation {operation} here", service.name());
            return Err(ApiError::new(404, "UnknownOperationException", message));
        };
        self.perform(principal.clone(), service, operation, input, None).0
    }

    /// Returns the calls so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.state().calls.clone()
    }

    /// Returns the credentials of a principal: always the same ones. Requests signed with them are that principal's.
    #[must_use]
    pub fn credentials(&self, principal: &Principal) -> Credentials {
        let secret = hex(&format!("secret of {principal:?}"));
        let credentials = Credentials {
            access_key_id: format!("ASIA{}", hex(&format!("key of {principal:?}"))[..16].to_uppercase()),
            secret_access_key: secret[..40].to_owned(),
            session_token: hex(&format!("session of {principal:?}")),
        };
        let entry = (principal.clone(), credentials.clone());
        self.state().credentials.insert(credentials.access_key_id.clone(), entry);
        credentials
    }

    /// Runs `answer` so that it takes as long as a call does.
    pub(crate) async fn slowly<T>(&self, answer: impl FnOnce(&Self) -> T) -> T {
        let half = self.0.settings.call_latency / 2;
        if half.is_zero() {
            return answer(self);
        }
        tokio::time::sleep(half).await;
        let reply = answer(self);
        tokio::time::sleep(half).await;
        reply
    }

    /// Serves one request to a service's endpoint: to `endpoint`'s, or to whichever the signature is meant for.
    pub(crate) fn serve(&self, request: &Request<Vec<u8>>, endpoint: Option<ServiceId>) -> Reply {
        let request_id = self.next_request_id();
        let refuse = |service, error| Reply::Sent(wire::refuse(service, request, &error, &request_id));
        let (principal, service) = match self.authenticate(request, endpoint) {
            Ok(authenticated) => authenticated,
            Err(error) => {
                let signed_for = || Authorization::of(request).ok().and_then(|it| wire::service(it.signing_name));
                return refuse(endpoint.or_else(signed_for), error);
            }
        };
        let routed = match wire::route(service, request) {
            Ok(routed) => routed,
            Err(error) => return refuse(Some(service), error),
        };
        let operation = routed.operation;
        let (answer, lost) = self.perform(principal, service, operation, routed.input, Some(&self.0.faults));
        if lost { Reply::Lost } else { Reply::Sent(wire::respond(service, operation, &answer, &request_id)) }
    }

    /// Serves one request to the response bucket.
    pub(crate) fn serve_response_bucket(&self, request: &Request<Vec<u8>>) -> Reply {
        let now = self.0.clock.now();
        let fault = self.0.faults.hit_response();
        let responses = &mut self.state().world.responses;
        match fault {
            None => Reply::Sent(responses.serve(request, now)),
            Some(ResponseFaultEffect::Unavailable) => Reply::Sent(responses.slow_down(request, now)),
            Some(ResponseFaultEffect::ReplyLostBefore) => Reply::Lost,
            Some(ResponseFaultEffect::ReplyLostAfter) => {
                responses.serve(request, now);
                Reply::Lost
            }
        }
    }

    /// Adds a call to [`Self::calls`].
    pub(crate) fn record(&self, call: CallRecord) {
        self.state().calls.push(call);
    }

    /// Finds out who signed a request, and for which service.
    pub(crate) fn authenticate(
        &self,
        request: &Request<Vec<u8>>,
        endpoint: Option<ServiceId>,
    ) -> Result<(Principal, ServiceId), ApiError> {
        let authorization = Authorization::of(request)?;
        if endpoint.is_none() && wire::service(authorization.signing_name).is_none() {
            let known = ServiceId::ALL.map(ServiceId::name).join(", ");
            let message = format!("the emulator has no service `{}`; it has {known}", authorization.signing_name);
            return Err(ApiError::new(403, "UnknownOperationException", message));
        }
        let service = wire::service(authorization.signing_name)
            .filter(|service| {
                let name = &Model::of(*service).signing_name;
                endpoint.is_none_or(|endpoint| Model::of(endpoint).signing_name == *name)
            })
            .ok_or_else(|| {
                sigv4::invalid(format!("Credential should be scoped to correct service: '{}'.", {
                    endpoint.map_or("secretsmanager' or 'bedrock-agentcore", |it| &Model::of(it).signing_name)
                }))
            })?;
        let known = self.state().credentials.get(authorization.access_key_id).cloned();
        let (principal, credentials) = known.ok_or_else(sigv4::unrecognized)?;
        authorization.verify(request, &self.0.settings.region, &credentials, self.0.clock.now())?;
        Ok((principal, endpoint.unwrap_or(service)))
    }

    /// Runs a call from validation on. Returns true with the answer if the answer is lost on its way.
    fn perform(
        &self,
        principal: Principal,
        service: ServiceId,
        operation: &'static str,
        input: Map<String, Value>,
        faults: Option<&Faults>,
    ) -> (Answer, bool) {
        let now = self.0.clock.now();
        let mut call = Call { principal, operation, input, now, outcome: Outcome::Normal };
        let mut state = self.state();
        let mut effect = None;
        let mut counted = None;
        let future = self.0.settings.future_members && service == ServiceId::AgentCoreControl;
        let answer = validate(service, &call, future)
            .and_then(|()| state.world.authorize(service, &call))
            .and_then(|()| {
                counted = faults;
                effect = faults.and_then(|faults| faults.hit(service, operation));
                effect.as_ref().and_then(|effect| effect.error(service, operation)).map_or(Ok(()), Err)
            })
            .and_then(|()| {
                match effect {
                    Some(FaultEffect::ReplyLostBefore) => return Ok(None),
                    Some(FaultEffect::QuotesInput) => {
                        let message = format!("Invalid input: {}", Value::Object(call.input.clone()));
                        return Err(ApiError::new(400, "InvalidParameterException", message));
                    }
                    _ => {}
                }
                call.outcome = effect.as_ref().map_or(Outcome::Normal, FaultEffect::outcome);
                state.world.execute(service, &call).map(Some)
            });
        if let (Some(faults), Ok(None) | Err(_)) = (counted, &answer) {
            faults.started_nothing(service, operation);
        }
        let lost = matches!(effect, Some(FaultEffect::ReplyLostBefore | FaultEffect::ReplyLostAfter));
        let outcome = answer.as_ref().map(|_| ()).map_err(|error| error.code);
        state.calls.push(CallRecord { at: now, principal: call.principal, service, operation, outcome, lost });
        let work = state.world.agentcore.take_work();
        let deliveries = state.world.take_deliveries(now);
        drop(state);
        if let Some(receiver) = self.0.receiver.get() {
            deliveries.into_iter().for_each(receiver);
        }
        for work in work {
            (self.0.start_work)(self, work);
        }
        let answer = match answer {
            Ok(None) => return (Ok(Value::Null), true),
            Ok(Some(output)) => Ok(output),
            Err(error) => Err(error),
        };
        if cfg!(debug_assertions) {
            assert_modelled(service, operation, &answer, future);
        }
        (answer, lost)
    }

    /// Returns a request id in the form of a UUID: the n-th request always has the same one.
    pub(crate) fn next_request_id(&self) -> String {
        let mut state = self.state();
        state.requests += 1;
        uuid(&format!("request {}", state.requests))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl World {
    /// Takes the deliveries of the events that the services have published since the last call.
    fn take_deliveries(&mut self, now: SystemTime) -> Vec<Delivery> {
        let events = self.secrets.take_events();
        events.iter().flat_map(|event| self.event_bus.publish(event, now)).collect()
    }

    fn authorize(&self, service: ServiceId, call: &Call) -> Result<(), ApiError> {
        let requirements = match service {
            ServiceId::SecretsManager => self.secrets.requirements(call),
            ServiceId::AgentCoreControl => self.agentcore.requirements(call, &self.secrets),
            ServiceId::Logs => self.logs.requirements(call),
            ServiceId::CloudFormation => self.stacks.requirements(call),
            // The data plane authorizes on its own. A caller without any permission may still ask who it is [STS
            // GetCallerIdentity].
            ServiceId::AgentCore | ServiceId::Sts => Vec::new(),
        };
        self.iam.authorize(&call.principal, &requirements)?;
        // The policy of a runtime covers its management as well [DG resource-based-policies].
        self.iam.check_not_denied(&call.principal, &requirements, self.agentcore.resource_policies())
    }

    fn execute(&mut self, service: ServiceId, call: &Call) -> Answer {
        match service {
            ServiceId::SecretsManager => self.secrets.call(call),
            ServiceId::AgentCoreControl => {
                let dependencies = &mut Dependencies {
                    iam: &self.iam,
                    secrets: &mut self.secrets,
                    identity_providers: &self.identity_providers,
                    objects: &self.objects,
                };
                self.agentcore.call(call, dependencies)
            }
            ServiceId::AgentCore => {
                Err(ApiError::new(404, "UnknownOperationException", "runtimes are called through HTTP only"))
            }
            ServiceId::Logs => self.logs.call(call),
            ServiceId::CloudFormation => self.stacks.call(call),
            ServiceId::Sts => Ok(self.iam.caller_identity(&call.principal)),
        }
    }
}

fn validate(service: ServiceId, call: &Call, future: bool) -> Result<(), ApiError> {
    let model = Model::of(service);
    let Some((_, operation)) = model.operation(call.operation) else { return Ok(()) };
    let mut violations = model.validate_members(&operation.input, &call.input);
    violations.retain(|violation| !(future && is_about_future(violation)));
    if violations.is_empty() {
        return Ok(());
    }
    let mut error = ApiError::new(400, "ValidationException", Violation::message(&violations));
    // AgentCore's exception has a reason; Secrets Manager's is not in its model.
    error.reason = model.error(error.code).map(|_| "FieldValidationFailed");
    Err(error)
}

/// Panics if the service model does not allow an answer: that is a defect of the emulator, not of its caller.
fn assert_modelled(service: ServiceId, operation: &str, answer: &Answer, future: bool) {
    let model = Model::of(service);
    let mut violations = match (answer, model.operation(operation).and_then(|(_, it)| it.output.as_ref())) {
        (Ok(output), Some(shape)) => model.validate(shape, output),
        (Ok(_), None) => return,
        (Err(error), _) => match model.error(error.code) {
            Some(shape) if shape.required.iter().any(|it| it == "reason") && error.reason.is_none() => {
                panic!("emulator: {operation} answered {} without the reason the service model requires", error.code)
            }
            _ => return,
        },
    };
    // A runtime without a description has to be listed with one (the member is required), so that can only be empty.
    violations.retain(|violation| !violation.constraint.starts_with("Member must have length greater than"));
    violations.retain(|violation| !(future && is_about_future(violation)));
    assert!(violations.is_empty(), "emulator: the answer of {operation}: {}", Violation::message(&violations));
}

/// Returns true if a violation is that the service model lacks a member which a later one may have: see
/// [`Settings::future_members`].
fn is_about_future(violation: &Violation) -> bool {
    violation.path.rsplit('.').next().is_some_and(|name| name.starts_with("future"))
}

fn hex(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests;

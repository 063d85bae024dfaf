//! Decodes the event of a rotation: an event of Secrets Manager, with what the stack's rule adds about the stack.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::event::Home;
use crate::json;
use crate::properties::{Choice, FromText};
use crate::resource::mcp_probe::Mode;
use crate::resource::runtime::CredentialDelivery;
use crate::resource::secret::RequiredKey;
use crate::text::quote;

/// The native event of Secrets Manager (user guide, Secret Label Updated event).
const SOURCE: &str = "aws.secretsmanager";
const DETAIL_TYPE: &str = "Secret Label Updated";
const CURRENT: &str = "AWSCURRENT";
/// The maximum size of an input: EventBridge's events have at most 256 KB (quotas), and its templates 8192 characters.
const BYTES_MAX: usize = 300 * 1024;
/// Properties of a probe that a rule may give. The others follow from the event, or would send a client's secret to an
/// address that whoever invokes the function chooses.
const PROBE_PROPERTIES: [&str; 9] = [
    "Auth",
    "CallArguments",
    "CallTool",
    "DiscoveryUrl",
    "ExpectedToolCount",
    "ExpectedTools",
    "Issuer",
    "MinimumTools",
    "SecretHeaders",
];

/// A secret's label that moved, and the resources of one stack that read the secret.
#[derive(Debug)]
pub(super) struct Notice {
    /// The stack that owns the resources.
    pub(super) stack_id: String,
    /// The secret.
    pub(super) secret_arn: String,
    /// True if the label is the one that readers follow.
    pub(super) is_current: bool,
    /// The runtimes that read the secret.
    pub(super) runtimes: Vec<RuntimeEntry>,
    /// The credential providers that hold a copy of the secret's value.
    pub(super) providers: Vec<ProviderEntry>,
}

/// A runtime that reads a secret.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RuntimeEntry {
    pub(super) logical_resource_id: String,
    /// The runtime's id.
    pub(super) physical_resource_id: String,
    secret_arn: String,
    #[serde(default = "default_delivery", deserialize_with = "chosen")]
    pub(super) credential_delivery: CredentialDelivery,
    /// The keys without which the new value is not used.
    #[serde(default, deserialize_with = "required_keys")]
    pub(super) required_keys: Vec<RequiredKey>,
    /// The probe that follows. Without it nothing is probed.
    #[serde(default)]
    pub(super) verification: Option<Verification>,
    #[serde(default)]
    pub(super) gateway_target: Option<TargetEntry>,
}

/// The probe of a runtime's server.
#[derive(Debug, Deserialize)]
pub(super) struct Verification {
    #[serde(default = "default_mode", rename = "Mode", deserialize_with = "chosen")]
    pub(super) mode: Mode,
    /// Its other properties.
    #[serde(flatten)]
    pub(super) probe: Map<String, Value>,
}

/// A gateway's target for a runtime's server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TargetEntry {
    pub(super) logical_resource_id: String,
    /// `<gateway id>/<target id>`
    pub(super) physical_resource_id: String,
}

/// The kinds of credential providers.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProviderKind {
    #[choice("OAuth2")]
    OAuth2,
    #[choice("ApiKey")]
    ApiKey,
}

/// A credential provider of the source MANAGED whose client secret or key comes from a secret.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ProviderEntry {
    #[serde(default = "default_kind", deserialize_with = "chosen")]
    pub(super) kind: ProviderKind,
    pub(super) logical_resource_id: String,
    /// The provider's name.
    pub(super) physical_resource_id: String,
    secret_arn: String,
    /// The key of the value in the secret's JSON object. Without it, the whole value is an API key.
    #[serde(default)]
    pub(super) json_key: Option<String>,
}

/// The input of the function, as a rule's template writes it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Input {
    event: EventBridgeEvent,
    stack_id: String,
    #[serde(default)]
    runtimes: Vec<RuntimeEntry>,
    #[serde(default)]
    credential_providers: Vec<ProviderEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct EventBridgeEvent {
    source: String,
    detail_type: String,
    account: String,
    region: String,
    resources: Vec<String>,
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    label_updated: String,
}

fn default_delivery() -> CredentialDelivery {
    CredentialDelivery::ContainerRetrieval
}

fn default_kind() -> ProviderKind {
    ProviderKind::OAuth2
}

fn default_mode() -> Mode {
    Mode::Strict
}

/// Reads one of the values that a property has.
fn chosen<'de, D: serde::Deserializer<'de>, T: FromText>(deserializer: D) -> Result<T, D::Error> {
    T::from_text(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Reads a list of keys. An empty text is a key that a condition of the template left out.
fn required_keys<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<RequiredKey>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let keys = texts.into_iter().filter(|text| !text.trim().is_empty()).map(RequiredKey::from_text);
    keys.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

/// The members by which an event is recognised.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, rename = "ResponseURL")]
    response_url: Option<&'a RawValue>,
    #[serde(borrow, rename = "Event")]
    event: Option<&'a RawValue>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'a RawValue>,
}

/// Returns true for an event of EventBridge: CloudFormation's requests have a `ResponseURL`, and nothing else has one.
pub(crate) fn is_notice(payload: &[u8]) -> bool {
    json::object::<Shape<'_>>(payload)
        .is_some_and(|shape| shape.response_url.is_none() && (shape.event.is_some() || shape.detail_type.is_some()))
}

/// Returns the stack that an event names, if it can be one that reached the function at `home`. The rest of the event may be
/// anything.
pub(super) fn stack_of(payload: &[u8], home: &Home) -> Option<String> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow, rename = "StackId")]
        stack_id: Option<&'a RawValue>,
    }
    let stack_id = json::text(json::object::<Named<'_>>(payload)?.stack_id)?;
    home.check_stack(&stack_id).is_ok().then_some(stack_id)
}

fn refuse(problem: impl Into<String>) -> Error {
    Error::InvalidEvent { problem: format!("the rotation event {}; nothing was done", problem.into()) }
}

impl Notice {
    /// Decodes an event that reached the function at `home`. Refuses one of another account, Region or service.
    pub(super) fn decode(payload: &[u8], home: &Home) -> Result<Self, Error> {
        if payload.len() > BYTES_MAX {
            return Err(refuse(format!("has {} bytes, more than {BYTES_MAX}", payload.len())));
        }
        // serde's message may quote the event.
        let input: Input = serde_json::from_slice(payload).map_err(|error| {
            refuse(format!(
                "cannot be read at line {} column {}; write the rule's InputTemplate as in docs/rotation.md",
                error.line(),
                error.column()
            ))
        })?;
        let Input { event, stack_id, runtimes, credential_providers } = input;
        if event.source != SOURCE || event.detail_type != DETAIL_TYPE {
            let found = format!("{} of {}", quote(&event.detail_type), quote(&event.source));
            return Err(refuse(format!("is {found}; let the rule match \"{DETAIL_TYPE}\" of \"{SOURCE}\"")));
        }
        home.check_stack(&stack_id).map_err(|problem| refuse(format!("has a `StackId` that {problem}")))?;
        home.check_source(&event.account, &event.region).map_err(refuse)?;
        let [secret_arn] = event.resources.as_slice() else {
            return Err(refuse(format!("names {} secrets in `resources`, and not one", event.resources.len())));
        };
        let is_read = |arn: &String| arn == secret_arn;
        let runtimes: Vec<_> = runtimes.into_iter().filter(|entry| is_read(&entry.secret_arn)).collect();
        let probes = runtimes.iter().filter_map(|entry| entry.verification.as_ref());
        for property in probes.flat_map(|verification| verification.probe.keys()) {
            if !PROBE_PROPERTIES.contains(&property.as_str()) {
                let known = PROBE_PROPERTIES.join(", ");
                return Err(refuse(format!("has {} in `Verification`; known are Mode, {known}", quote(property))));
            }
        }
        Ok(Self {
            stack_id,
            is_current: event.detail.label_updated == CURRENT,
            runtimes,
            providers: credential_providers.into_iter().filter(|entry| is_read(&entry.secret_arn)).collect(),
            secret_arn: secret_arn.clone(),
        })
    }
}

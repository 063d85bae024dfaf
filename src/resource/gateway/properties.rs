//! The desired state of a gateway as the template gives it, and the checks that need no call.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_bedrockagentcorecontrol::types::GatewayPolicyEngineMode;

use crate::arn::{Arn, check_kms_key, check_role};
use crate::authorizer::{AuthorizerSpec, Fields};
use crate::error::Error;
use crate::oauth::client::{Client, ClientFields};
use crate::properties::{Choice, PropertyReader, PropertySet};
use crate::requester::Requester;
use crate::tags;
use crate::text::quote;

/// The revisions of MCP that gateways speak (developer guide, gateway-using-mcp-list). All of them are declared at
/// creation, because AgentCore refuses to add one later.
pub(super) const VERSIONS: [&str; 4] = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
/// The bound of the API reference, CreateGateway.
const NAME_CHARS_MAX: usize = 48;

/// The tokens that are let in.
#[derive(Debug)]
pub(crate) struct CustomJwt {
    /// The conditions that a token has to meet.
    pub(crate) spec: AuthorizerSpec,
    /// The client whose token proves that the authorizer lets it in.
    pub(crate) client: Option<Client>,
}

/// The desired state.
#[derive(Debug, PropertySet)]
pub(crate) struct Properties {
    /// Role the gateway calls its targets with.
    #[property(name = "RoleArn", check = check_role)]
    pub(crate) role_arn: String,
    /// Letters, digits and single hyphens, at most 48. With [provisioner.yaml](provisioner.md#names) `NamePrefix` stands
    /// for `mcp`.
    #[property(
        name = "GatewayName",
        default_text = "`mcp-<8 characters of the stack's GUID>-<6 digits>`",
        check = check_name,
        replaces
    )]
    pub(crate) name: Option<String>,
    /// Free text.
    #[property(name = "Description", chars = 200)]
    pub(crate) description: Option<String>,
    #[property(flatten = InboundFields, parse = jwt)]
    pub(crate) jwt: Option<CustomJwt>,
    /// MCP versions. Without it a gateway keeps those it has. Fewer versions replace the gateway, too: what shrinks in
    /// place could not grow back in a rollback.
    #[property(
        name = "SupportedVersions",
        default_text = "2025-03-26, 2025-06-18, 2025-11-25, 2026-07-28",
        parse = versions,
        replaces
    )]
    pub(crate) versions: Option<BTreeSet<String>>,
    /// `SEMANTIC` adds the tool `x_amz_bedrock_agentcore_search`; `NONE` does not.
    #[property(name = "SearchType", default = SearchType::Semantic, map = SearchType::is_semantic, replaces)]
    pub(crate) semantic_search: bool,
    /// `true`: list all tools at once. `false`: in pages of thirty, of which many MCP clients read the first alone.
    #[property(name = "DisableToolsPagination", default_text = "as it is; pages for a new gateway")]
    pub(crate) unpaginated: Option<bool>,
    /// Text in which the gateway describes itself to its clients.
    #[property(name = "Instructions", chars = 2048)]
    pub(crate) instructions: Option<String>,
    /// `DEBUG`: failures behind the gateway say why, to every caller.
    #[property(name = "ExceptionLevel", default = ExceptionLevel::None, map = ExceptionLevel::is_debug)]
    pub(crate) debug: bool,
    /// Customer managed key. Its key policy has to allow `kms:CreateGrant`, `kms:Decrypt`, `kms:DescribeKey` and
    /// `kms:GenerateDataKey` to `RoleArn`. A key that somebody else sets is kept.
    #[property(name = "KmsKeyArn", check = check_kms_key, replaces)]
    pub(crate) kms_key_arn: Option<String>,
    /// One or two Lambda functions, by ARN, which `RoleArn` has to be allowed to invoke. One intercepts requests and
    /// responses; of two, the first intercepts requests and the second responses. Without it, interceptors that somebody
    /// else sets are kept.
    #[property(name = "InterceptorArns", parse = interceptors)]
    pub(crate) interceptors: Option<Interceptors>,
    #[property(flatten = PolicyEngineFields, parse = policy_engine)]
    pub(crate) policy_engine: Option<PolicyEngine>,
    /// Tags of the gateway: see [above](#what-all-resource-types-have-in-common).
    #[property(name = "Tags", check = tags::check)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// The functions that intercept calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Interceptors {
    /// One function for requests and responses.
    Both(String),
    /// A function for requests, and another one for responses.
    Each {
        /// The ARN of the function for requests.
        requests: String,
        /// The ARN of the function for responses.
        responses: String,
    },
}

/// The policy engine that decides over calls of tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyEngine {
    pub(crate) arn: String,
    pub(crate) mode: GatewayPolicyEngineMode,
}

impl Choice for GatewayPolicyEngineMode {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("ENFORCE", Self::Enforce), ("LOG_ONLY", Self::LogOnly)].into_iter()
    }
}

/// The properties of the policy engine.
#[derive(Debug, PropertySet)]
struct PolicyEngineFields {
    /// Policy engine that decides over calls of tools, by ARN. `RoleArn` has to be allowed to use it. Without it, an engine
    /// that somebody else sets is kept.
    #[property(name = "PolicyEngineArn", check = check_policy_engine)]
    arn: Option<String>,
    /// `ENFORCE`: calls that the engine's policies do not permit are refused. `LOG_ONLY`: they are only logged.
    #[property(name = "PolicyEngineMode", default_text = "`ENFORCE`")]
    mode: Option<GatewayPolicyEngineMode>,
}

/// The properties of callers.
#[derive(Debug, PropertySet)]
struct InboundFields {
    /// `CUSTOM_JWT`: bearer tokens; one of `DiscoveryUrl` and `Issuer` is required, and at least one of `AllowedAudience`,
    /// `AllowedClients`, `AllowedScopes`. With a client (`ClientId` and the five below it), a token of that client is
    /// compared with the authorizer before that is created or changed. `AWS_IAM`: signed requests; the next six and the
    /// client's properties are refused.
    #[property(name = "AuthorizerType", default = AuthorizerType::CustomJwt, replaces)]
    kind: AuthorizerType,
    #[property(flatten)]
    authorizer: Fields,
    #[property(flatten)]
    client: ClientFields,
}

#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum AuthorizerType {
    #[choice("CUSTOM_JWT")]
    CustomJwt,
    #[choice("AWS_IAM")]
    AwsIam,
}

#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum SearchType {
    #[choice("SEMANTIC")]
    Semantic,
    #[choice("NONE")]
    None,
}

impl SearchType {
    fn is_semantic(self) -> bool {
        self == Self::Semantic
    }
}

#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum ExceptionLevel {
    #[choice("DEBUG")]
    Debug,
    #[choice("NONE")]
    None,
}

impl ExceptionLevel {
    fn is_debug(self) -> bool {
        self == Self::Debug
    }
}

impl Properties {
    /// Returns the name of a gateway that is not a replacement.
    pub(crate) fn name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| requester.derived_name())
    }

    /// Returns the name of a gateway that an update creates.
    pub(super) fn replacement_name(&self, requester: &Requester) -> String {
        self.name.clone().unwrap_or_else(|| requester.replacement_name())
    }
}

/// Returns the tokens that are let in for `AuthorizerType` CUSTOM_JWT, and nothing for AWS_IAM.
fn jwt(reader: &PropertyReader<'_>, fields: InboundFields) -> Result<Option<CustomJwt>, Error> {
    let InboundFields { kind, authorizer, client } = fields;
    let client_property = reader.first_given(ClientFields::TABLE);
    if kind == AuthorizerType::AwsIam {
        return match authorizer.given().or(client_property) {
            None => Ok(None),
            Some(name) => {
                let problem =
                    "has no effect when `AuthorizerType` is AWS_IAM; set that to CUSTOM_JWT or leave this out";
                Err(Error::property(name, problem))
            }
        };
    }
    let spec = authorizer.check("`AuthorizerType` CUSTOM_JWT")?;
    let client = client_property.map(|name| client.required_by(&format!("`{name}`"))).transpose()?;
    // With a client, its token shows the claim. Without a client, nothing more will be known than now.
    match (spec.explicit_claim(), &client) {
        (Some(claim), _) => drop(spec.authorizer(claim)?),
        (None, None) => drop(spec.with_usual_claim()?),
        (None, Some(_)) => {}
    }
    Ok(Some(CustomJwt { spec, client }))
}

fn versions(property: &str, given: Vec<String>) -> Result<Option<BTreeSet<String>>, Error> {
    if let Some(unknown) = given.iter().find(|version| !VERSIONS.contains(&version.as_str())) {
        let problem = format!("contains {}; use some of {}", quote(unknown), VERSIONS.join(", "));
        return Err(Error::property(property, problem));
    }
    Ok((!given.is_empty()).then(|| given.into_iter().collect()))
}

fn interceptors(property: &str, given: Vec<String>) -> Result<Option<Interceptors>, Error> {
    // The pattern of LambdaFunctionArn, as far as a sentence can explain it.
    let is_function = |text: &&String| {
        Arn::of_service("lambda", text).is_some_and(|arn| {
            let resource: Vec<_> = arn.resource.split(':').collect();
            arn.is_in_account()
                && matches!(resource.as_slice(), ["function", name] | ["function", name, _] if !name.is_empty())
        })
    };
    if let Some(other) = given.iter().find(|arn| !is_function(arn)) {
        let problem = format!(
            "contains {}; use ARNs of functions, `arn:aws:lambda:<region>:<account>:function:<name>`",
            quote(other)
        );
        return Err(Error::property(property, problem));
    }
    let entries = given.len();
    let mut given = given.into_iter();
    match (given.next(), given.next(), given.next()) {
        (None, ..) => Ok(None),
        (Some(both), None, _) => Ok(Some(Interceptors::Both(both))),
        (Some(requests), Some(responses), None) => Ok(Some(Interceptors::Each { requests, responses })),
        _ => {
            let problem =
                format!("has {entries} entries; give one function, or one for requests and one for responses");
            Err(Error::property(property, problem))
        }
    }
}

fn policy_engine(_: &PropertyReader<'_>, fields: PolicyEngineFields) -> Result<Option<PolicyEngine>, Error> {
    match (fields.arn, fields.mode) {
        (Some(arn), mode) => Ok(Some(PolicyEngine { arn, mode: mode.unwrap_or(GatewayPolicyEngineMode::Enforce) })),
        (None, None) => Ok(None),
        (None, Some(_)) => {
            let problem = "has no effect without `PolicyEngineArn`; give the engine's ARN or leave this out";
            Err(Error::property("PolicyEngineMode", problem))
        }
    }
}

/// Checks an ARN against the pattern of GatewayPolicyEngineArn.
fn check_policy_engine(property: &str, arn: &str) -> Result<(), Error> {
    let is_engine = |arn: Arn<'_>| {
        arn.is_in_account()
            && arn.resource.strip_prefix("policy-engine/").is_some_and(|id| id.len() > 11 && !id.contains(':'))
    };
    if Arn::of_service("bedrock-agentcore", arn).is_some_and(is_engine) {
        return Ok(());
    }
    let advice = "use a policy engine's ARN, `arn:aws:bedrock-agentcore:<region>:<account>:policy-engine/<id>`";
    Err(Error::property(property, format!("is {}; {advice}", quote(arn))))
}

/// Checks a name against `([0-9a-zA-Z][-]?){1,48}` (API reference, CreateGateway).
fn check_name(property: &str, name: &str) -> Result<(), Error> {
    let characters = name.chars().filter(char::is_ascii_alphanumeric).count();
    let fits = (1..=NAME_CHARS_MAX).contains(&characters)
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.contains("--");
    if fits {
        return Ok(());
    }
    let problem = format!(
        "is {}; use at most {NAME_CHARS_MAX} letters and digits, with single hyphens between them (no underscores)",
        quote(name)
    );
    Err(Error::property(property, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_api() {
        for name in ["mcp-server-1", "M", &"a-".repeat(48)] {
            assert!(check_name("GatewayName", name).is_ok(), "{name}");
        }
        for name in ["mcp_server", "-mcp", "a--b", "", "é", &"a".repeat(49)] {
            assert!(check_name("GatewayName", name).is_err(), "{name}");
        }
    }
}

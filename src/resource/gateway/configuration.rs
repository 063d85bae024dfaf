//! A gateway's configuration in one comparable form, both the desired one and the one that the service reports.

use std::collections::BTreeSet;

use aws_sdk_bedrockagentcorecontrol::Client;
use aws_sdk_bedrockagentcorecontrol::operation::create_gateway::builders::CreateGatewayFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::operation::update_gateway::builders::UpdateGatewayFluentBuilder;
use aws_sdk_bedrockagentcorecontrol::types::{
    AuthorizerType, ExceptionLevel, GatewayInterceptionPoint, GatewayInterceptorConfiguration,
    GatewayPolicyEngineConfiguration, GatewayProtocolConfiguration, GatewayProtocolType, InterceptorConfiguration,
    LambdaInterceptorConfiguration, McpGatewayConfiguration, SearchType,
};
use aws_smithy_types::error::operation::BuildError;

use super::governed::Guards;
use super::properties::{Interceptors, PolicyEngine, Properties, VERSIONS};
use crate::agentcore::ownership;
use crate::authorizer::Authorizer;
use crate::error::Error;
use crate::job::Job;

/// Everything that our properties govern (see [`super::governed`]), and nothing else.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    role_arn: String,
    description: Option<String>,
    authorizer_type: AuthorizerType,
    authorizer: Option<Authorizer>,
    versions: BTreeSet<String>,
    semantic_search: bool,
    /// As in the API: absent means false.
    unpaginated: Option<bool>,
    instructions: Option<String>,
    debug: bool,
    kms_key_arn: Option<String>,
    interceptors: Option<Points>,
    policy_engine: Option<PolicyEngine>,
}

/// Each point of interception with the ARN of a function, of which there is at least one.
type Points = BTreeSet<(GatewayInterceptionPoint, String)>;

/// Sets the members that a create and an update share: every member is sent every time. The SDK's builders have no
/// trait in common.
macro_rules! with_members {
    ($request:expr, $it:expr) => {
        $request
            .role_arn(&$it.role_arn)
            .set_description($it.description.clone())
            .protocol_type(GatewayProtocolType::Mcp)
            .protocol_configuration($it.protocol())
            .authorizer_type($it.authorizer_type.clone())
            .set_authorizer_configuration($it.authorizer.as_ref().map(Authorizer::to_api).transpose()?)
            .set_exception_level($it.debug.then_some(ExceptionLevel::Debug))
            .set_kms_key_arn($it.kms_key_arn.clone())
    };
}

impl Configuration {
    /// Returns the desired configuration, with the authorizer that was checked with the IdP. If the properties ask for
    /// no versions or no key, a gateway keeps those it has, and the same applies to `guards` that are not governed. A new
    /// gateway speaks all versions.
    pub(super) fn desired(
        properties: &Properties,
        guards: Guards,
        authorizer: Option<Authorizer>,
        live: Option<&GetGatewayOutput>,
    ) -> Self {
        let all = || VERSIONS.iter().map(|version| (*version).to_owned()).collect();
        let versions = properties.versions.clone().or_else(|| live.map(versions)).unwrap_or_else(all);
        Self {
            role_arn: properties.role_arn.clone(),
            description: properties.description.clone(),
            authorizer_type: authorizer_type(properties),
            authorizer,
            versions,
            semantic_search: properties.semantic_search,
            unpaginated: unpaginated(properties.unpaginated, live),
            instructions: properties.instructions.clone(),
            debug: properties.debug,
            kms_key_arn: properties.kms_key_arn.clone().or_else(|| live.and_then(key)),
            interceptors: if guards.interceptors {
                properties.interceptors.as_ref().map(Interceptors::points)
            } else {
                live.and_then(interceptors)
            },
            policy_engine: if guards.policy_engine {
                properties.policy_engine.clone()
            } else {
                live.and_then(policy_engine)
            },
        }
    }

    /// Returns the configuration that the service reports.
    pub(super) fn live(live: &GetGatewayOutput) -> Self {
        let mcp = mcp(live);
        let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            role_arn: live.role_arn().unwrap_or_default().to_owned(),
            description: text(live.description()),
            authorizer_type: live.authorizer_type().clone(),
            authorizer: live.authorizer_configuration().map(Authorizer::from_api),
            versions: versions(live),
            semantic_search: mcp.and_then(|mcp| mcp.search_type()) == Some(&SearchType::Semantic),
            unpaginated: mcp.and_then(McpGatewayConfiguration::disable_mcp_list_tools_pagination),
            instructions: text(mcp.and_then(|mcp| mcp.instructions())),
            debug: live.exception_level() == Some(&ExceptionLevel::Debug),
            kms_key_arn: key(live),
            interceptors: interceptors(live),
            policy_engine: policy_engine(live),
        }
    }

    /// Returns the members that an accepted call left unchanged. Only members whose old value lets in the wrong
    /// callers, acts as the wrong role or speaks the wrong language are checked: others may be returned in a normalized
    /// form.
    pub(super) fn unapplied_in(&self, live: &Self) -> Vec<&'static str> {
        let members = [
            ("authorizer", self.authorizer == live.authorizer),
            ("interceptors", self.interceptors == live.interceptors),
            ("policy engine", self.policy_engine == live.policy_engine),
            ("role", self.role_arn == live.role_arn),
            ("supported versions", self.versions == live.versions),
        ];
        members.into_iter().filter_map(|(name, taken)| (!taken).then_some(name)).collect()
    }

    /// Builds the request for a new gateway.
    pub(super) fn create_request(&self, client: &Client) -> Result<CreateGatewayFluentBuilder, BuildError> {
        Ok(with_members!(client.create_gateway(), self))
    }

    /// Builds the request that replaces the configuration.
    pub(super) fn update_request(&self, client: &Client) -> Result<UpdateGatewayFluentBuilder, BuildError> {
        Ok(with_members!(client.update_gateway(), self))
    }

    fn protocol(&self) -> GatewayProtocolConfiguration {
        let mcp = McpGatewayConfiguration::builder()
            .set_supported_versions(Some(self.versions.iter().cloned().collect()))
            .set_search_type(self.semantic_search.then_some(SearchType::Semantic))
            .set_instructions(self.instructions.clone())
            .set_disable_mcp_list_tools_pagination(self.unpaginated)
            .build();
        GatewayProtocolConfiguration::Mcp(mcp)
    }
}

/// Returns the guards of the gateway `live` that an update from `old` governs. Refuses to replace those that somebody else
/// set.
pub(super) fn guards(
    job: &Job<'_>,
    properties: &Properties,
    old: Option<&Properties>,
    live: &GetGatewayOutput,
) -> Result<Guards, Error> {
    let points = |properties: &Properties| properties.interceptors.as_ref().map(Interceptors::points);
    let (wanted, former) = (points(properties), old.and_then(points));
    let others = |points: &Points| {
        let functions: BTreeSet<_> = points.iter().map(|(_, function)| function.as_str()).collect();
        let functions = functions.into_iter().collect::<Vec<_>>().join(", ");
        not_ours("list of interceptors", &functions, "InterceptorArns", live)
    };
    let interceptors = ownership::governs(job, wanted.as_ref(), former.as_ref(), interceptors(live).as_ref(), others)?;
    let wanted = properties.policy_engine.as_ref();
    let former = old.and_then(|old| old.policy_engine.as_ref());
    let others = |engine: &PolicyEngine| {
        not_ours("policy engine", &format!("{} {}", engine.arn, engine.mode), "PolicyEngineArn", live)
    };
    let policy_engine = ownership::governs(job, wanted, former, policy_engine(live).as_ref(), others)?;
    Ok(Guards { interceptors, policy_engine })
}

fn not_ours(what: &str, found: &str, property: &str, live: &GetGatewayOutput) -> Error {
    Error::NotOurs {
        what: format!("{what} of gateway {} ({found})", live.gateway_id()),
        advice: format!("remove it from the gateway, or leave out `{property}`"),
    }
}

impl Interceptors {
    /// Returns each point of interception with its function.
    fn points(&self) -> Points {
        let (requests, responses) = match self {
            Self::Both(both) => (both, both),
            Self::Each { requests, responses } => (requests, responses),
        };
        BTreeSet::from([
            (GatewayInterceptionPoint::Request, requests.clone()),
            (GatewayInterceptionPoint::Response, responses.clone()),
        ])
    }

    /// Returns the member of the requests.
    pub(super) fn to_api(&self) -> Result<Vec<GatewayInterceptorConfiguration>, BuildError> {
        let (request, response) = (GatewayInterceptionPoint::Request, GatewayInterceptionPoint::Response);
        match self {
            Self::Both(both) => Ok(vec![interceptor(both, &[request, response])?]),
            Self::Each { requests, responses } => {
                Ok(vec![interceptor(requests, &[request])?, interceptor(responses, &[response])?])
            }
        }
    }
}

fn interceptor(arn: &str, points: &[GatewayInterceptionPoint]) -> Result<GatewayInterceptorConfiguration, BuildError> {
    let function = LambdaInterceptorConfiguration::builder().arn(arn).build()?;
    GatewayInterceptorConfiguration::builder()
        .interceptor(InterceptorConfiguration::Lambda(function))
        .set_interception_points(Some(points.to_vec()))
        .build()
}

impl PolicyEngine {
    /// Returns the member of the requests.
    pub(super) fn to_api(&self) -> Result<GatewayPolicyEngineConfiguration, BuildError> {
        GatewayPolicyEngineConfiguration::builder().arn(&self.arn).mode(self.mode.clone()).build()
    }
}

/// Returns each point of interception of a gateway with its function, or `None` if there is none.
fn interceptors(live: &GetGatewayOutput) -> Option<Points> {
    let points = live.interceptor_configurations().iter().flat_map(|it| {
        let function = it.interceptor().and_then(|interceptor| interceptor.as_lambda().ok());
        let arn = function.map(LambdaInterceptorConfiguration::arn).unwrap_or_default();
        it.interception_points().iter().map(move |point| (point.clone(), arn.to_owned()))
    });
    let points: Points = points.collect();
    (!points.is_empty()).then_some(points)
}

fn policy_engine(live: &GetGatewayOutput) -> Option<PolicyEngine> {
    let engine = live.policy_engine_configuration()?;
    Some(PolicyEngine { arn: engine.arn().to_owned(), mode: engine.mode().clone() })
}

fn authorizer_type(properties: &Properties) -> AuthorizerType {
    if properties.jwt.is_some() { AuthorizerType::CustomJwt } else { AuthorizerType::AwsIam }
}

fn mcp(live: &GetGatewayOutput) -> Option<&McpGatewayConfiguration> {
    live.protocol_configuration()?.as_mcp().ok()
}

fn versions(live: &GetGatewayOutput) -> BTreeSet<String> {
    mcp(live).into_iter().flat_map(McpGatewayConfiguration::supported_versions).cloned().collect()
}

/// Returns the desired member for `DisableToolsPagination`. If the gateway's own form of it means the same, that form
/// is kept.
fn unpaginated(property: Option<bool>, live: Option<&GetGatewayOutput>) -> Option<bool> {
    let live = live.and_then(mcp).and_then(McpGatewayConfiguration::disable_mcp_list_tools_pagination);
    property.filter(|wanted| *wanted != live.unwrap_or(false)).or(live)
}

fn key(live: &GetGatewayOutput) -> Option<String> {
    live.kms_key_arn().filter(|arn| !arn.is_empty()).map(str::to_owned)
}

/// Returns the property that asks for a change that AgentCore cannot apply to this gateway. `old` are the former
/// properties, if any.
pub(super) fn unchangeable(
    properties: &Properties,
    old: Option<&Properties>,
    live: &GetGatewayOutput,
) -> Option<&'static str> {
    // A key that no template ever asked for belongs to somebody else, and stays.
    let key_is_ours = properties.kms_key_arn.is_some() || old.is_some_and(|old| old.kms_key_arn.is_some());
    let live = Configuration::live(live);
    [
        // "Authorizer type cannot be updated for an existing gateway" (cloudformation-coverage-roadmap, issue 2578).
        ("AuthorizerType", live.authorizer_type == authorizer_type(properties)),
        ("SearchType", live.semantic_search == properties.semantic_search),
        ("KmsKeyArn", !key_is_ours || live.kms_key_arn == properties.kms_key_arn),
        // Versions can be removed but not added (aws-cli, issue 10346), so that a rollback could not undo a removal in
        // place.
        ("SupportedVersions", properties.versions.as_ref().is_none_or(|versions| live.versions == *versions)),
    ]
    .into_iter()
    .find_map(|(name, same)| (!same).then_some(name))
}

/// Returns true if an update from `old` to `new`, or back, may have created another gateway.
pub(super) fn may_replace(old: &Properties, new: &Properties) -> bool {
    old.jwt.is_some() != new.jwt.is_some()
        || old.semantic_search != new.semantic_search
        || old.kms_key_arn != new.kms_key_arn
        || old.versions != new.versions
}

#[cfg(test)]
mod tests {
    use aws_sdk_bedrockagentcorecontrol::types::GatewayStatus;
    use aws_smithy_types::DateTime;
    use serde_json::json;

    use super::*;
    use crate::event::RawProperties;
    use crate::properties::{PropertyReader, PropertySet};
    use crate::sensitive::Mask;

    const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";

    fn properties(key: Option<&str>) -> Properties {
        let given = json!({"RoleArn": "arn:aws:iam::111122223333:role/gateway", "AuthorizerType": "AWS_IAM",
            "SearchType": "NONE", "KmsKeyArn": key.unwrap_or_default()});
        let given = RawProperties::from(given.as_object().expect("a map").clone());
        let mask = Mask::default();
        let reader = PropertyReader::new(&given, Properties::TABLE, &mask).expect("known properties");
        Properties::read(&reader).expect("valid properties")
    }

    fn live(key: Option<&str>) -> GetGatewayOutput {
        GetGatewayOutput::builder()
            .gateway_arn("arn")
            .gateway_id("id")
            .name("name")
            .created_at(DateTime::from_secs(0))
            .updated_at(DateTime::from_secs(0))
            .status(GatewayStatus::Ready)
            .authorizer_type(AuthorizerType::AwsIam)
            .set_kms_key_arn(key.map(str::to_owned))
            .build()
            .expect("a gateway")
    }

    #[test]
    fn a_key_of_somebody_else_stays_and_one_of_ours_does_not() {
        let (none, ours) = (properties(None), properties(Some(KEY)));
        let guards = Guards { interceptors: false, policy_engine: false };
        assert_eq!(unchangeable(&none, Some(&none), &live(Some(KEY))), None);
        assert_eq!(
            Configuration::desired(&none, guards, None, Some(&live(Some(KEY)))).kms_key_arn.as_deref(),
            Some(KEY)
        );
        for (new, old, key) in [(&none, &ours, Some(KEY)), (&ours, &none, None), (&ours, &ours, None)] {
            assert_eq!(unchangeable(new, Some(old), &live(key)), Some("KmsKeyArn"), "{key:?}");
        }
    }
}

//! The custom JWT authorizer of runtimes and gateways, which decides whose tokens are let in, and the claim that names
//! the client.

use std::collections::BTreeSet;

use aws_sdk_bedrockagentcorecontrol::types::{
    AuthorizerConfiguration, AuthorizingClaimMatchValueType, ClaimMatchOperatorType, ClaimMatchValueType,
    CustomClaimValidationType, CustomJwtAuthorizerConfiguration, InboundTokenClaimValueType,
};
use aws_smithy_types::error::operation::BuildError;
use serde_json::Value;

use crate::agentcore::put::Rule;
use crate::error::Error;
use crate::https_url::HttpsUrl;
use crate::oauth::{Discovery, DiscoveryFields};
use crate::properties::PropertySet;
use crate::text::quote;

/// The claim that `allowedClients` is compared with.
const CLIENT_ID_CLAIM: &str = "client_id";

pub(crate) mod comparison;

/// Returns the JWT authorizer that the service reports, or `None` if the service reports no authorizer or another kind.
pub(crate) fn custom_jwt(live: Option<&AuthorizerConfiguration>) -> Option<&CustomJwtAuthorizerConfiguration> {
    match live {
        Some(AuthorizerConfiguration::CustomJwtAuthorizer(authorizer)) => Some(authorizer),
        _ => None,
    }
}

/// The part of an authorizer that [`Authorizer`] governs. The rest belongs to somebody else, and so do rules for claims
/// in a form that is never written here.
pub(crate) const GOVERNED: Rule = Rule::Presence(&Rule::Union(&[(
    "customJWTAuthorizer",
    Rule::Structure(&[
        // Its keys are scopes from `allowedScopes` (botocore 1.44.8, AdvertisedScopeMappingType).
        ("advertisedScopeMapping", Rule::KeysIn { list: "allowedScopes" }),
        ("allowedAudience", Rule::Ours),
        ("allowedClients", Rule::Ours),
        ("allowedScopes", Rule::Ours),
        ("customClaims", Rule::ListExcept { is_kept: is_foreign, most: usize::MAX }),
        ("discoveryUrl", Rule::Ours),
    ]),
)]));

/// The conditions that a token has to meet. Every kind of condition that is given has to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorizer {
    /// The IdP's discovery document.
    pub discovery_url: String,
    /// The accepted values of `aud`.
    pub allowed_audience: BTreeSet<String>,
    /// The accepted values of `client_id`.
    pub allowed_clients: BTreeSet<String>,
    /// The accepted scopes: a token needs one of them.
    pub allowed_scopes: BTreeSet<String>,
    /// The claims that have to equal a value: name and value.
    pub claims: BTreeSet<(String, String)>,
}

/// The properties that describe an authorizer.
#[derive(Clone, Debug, PropertySet)]
pub(crate) struct Fields {
    #[property(flatten)]
    idp: DiscoveryFields,
    /// Accepted values of `aud`.
    #[property(name = "AllowedAudience")]
    allowed_audience: Vec<String>,
    /// Accepted clients. Compared with `client_id` (Cognito) or, as a rule on another claim, with one client only.
    #[property(name = "AllowedClients")]
    allowed_clients: Vec<String>,
    /// One of these scopes must be in the token.
    #[property(name = "AllowedScopes")]
    allowed_scopes: Vec<String>,
    /// Claim that names the client: `client_id` for Cognito, `cid` for Okta, `appid` for Entra version 1, otherwise `azp`.
    /// For a gateway that is given a client, the default is the claim that names the client in its token. Needs
    /// `AllowedClients`.
    #[property(name = "ClientClaimName", default_text = "from the IdP")]
    client_claim_name: Option<String>,
}

impl Fields {
    /// Returns the first of these properties that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        [
            ("DiscoveryUrl", self.idp.discovery_url.is_some()),
            ("Issuer", self.idp.issuer.is_some()),
            ("AllowedAudience", !self.allowed_audience.is_empty()),
            ("AllowedClients", !self.allowed_clients.is_empty()),
            ("AllowedScopes", !self.allowed_scopes.is_empty()),
            ("ClientClaimName", self.client_claim_name.is_some()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }

    /// Checks the properties and returns the authorizer, except for the claim that names the client: that may take a
    /// question to the IdP. `selector` is the property and the value that ask for an authorizer, `` `InboundAuth` JWT
    /// ``.
    pub(crate) fn check(self, selector: &str) -> Result<AuthorizerSpec, Error> {
        let discovery = self.idp.required_by(selector)?;
        let scopes_fit =
            |scope: &String| scope.len() <= 255 && scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if let Some(scope) = self.allowed_scopes.iter().find(|scope| !scopes_fit(scope)) {
            return Err(Error::property(
                "AllowedScopes",
                format!("contains {}; a scope is one printable word", quote(scope)),
            ));
        }
        if self.allowed_clients.is_empty() && self.client_claim_name.is_some() {
            return Err(Error::property(
                "ClientClaimName",
                "has no effect without `AllowedClients`; add it or leave this out",
            ));
        }
        if self.allowed_audience.is_empty() && self.allowed_clients.is_empty() && self.allowed_scopes.is_empty() {
            let others = "is missing, and so are `AllowedClients` and `AllowedScopes`";
            return Err(Error::property("AllowedAudience", format!("{others}; {selector} needs at least one of them")));
        }
        Ok(AuthorizerSpec {
            usual_claim: usual_claim(discovery.issuer.as_ref().unwrap_or(&discovery.url)),
            discovery,
            allowed_audience: self.allowed_audience.into_iter().collect(),
            clients: self.allowed_clients.into_iter().collect(),
            allowed_scopes: self.allowed_scopes.into_iter().collect(),
            client_claim_name: self.client_claim_name,
        })
    }
}

/// An authorizer whose claim that names the client may still be unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuthorizerSpec {
    /// The IdP's discovery document.
    pub discovery: Discovery,
    usual_claim: &'static str,
    allowed_audience: BTreeSet<String>,
    clients: BTreeSet<String>,
    allowed_scopes: BTreeSet<String>,
    client_claim_name: Option<String>,
}

impl AuthorizerSpec {
    /// Returns the claim that the template names.
    pub(crate) fn explicit_claim(&self) -> Option<&str> {
        self.client_claim_name.as_deref()
    }

    /// Returns the claim in which IdPs of this kind name the client of an access token.
    pub(crate) fn usual_claim(&self) -> &'static str {
        self.usual_claim
    }

    /// Returns the authorizer as far as it can be known without a token.
    pub(crate) fn with_usual_claim(&self) -> Result<Authorizer, Error> {
        self.authorizer(self.explicit_claim().unwrap_or(self.usual_claim))
    }

    /// Returns the authorizer that looks for the client in `claim`.
    pub(crate) fn authorizer(&self, claim: &str) -> Result<Authorizer, Error> {
        let (allowed_clients, claims) = clients(claim, self.clients.clone())?;
        Ok(Authorizer {
            discovery_url: self.discovery.url.as_str().to_owned(),
            allowed_audience: self.allowed_audience.clone(),
            allowed_clients,
            allowed_scopes: self.allowed_scopes.clone(),
            claims,
        })
    }
}

/// Returns the claim in which an IdP names the client of an access token.
fn usual_claim(issuer: &HttpsUrl) -> &'static str {
    if issuer.parsed().domain().is_some_and(|host| host.starts_with("cognito-idp.")) {
        CLIENT_ID_CLAIM
    } else if issuer.is_under("okta.com") || issuer.is_under("oktapreview.com") {
        "cid"
    } else if issuer.is_under("sts.windows.net") {
        "appid"
    } else if issuer.is_under("login.microsoftonline.com") && !issuer.parsed().path().contains("/v2.0") {
        // Entra's first version of tokens.
        "appid"
    } else {
        "azp"
    }
}

type ClientRules = (BTreeSet<String>, BTreeSet<(String, String)>);

/// Returns the rules that admit the clients. `allowedClients` looks at `client_id` alone. Any other claim takes a rule
/// of its own, and rules are AND-ed: several of them on one claim let nobody in.
fn clients(claim: &str, clients: BTreeSet<String>) -> Result<ClientRules, Error> {
    if claim == CLIENT_ID_CLAIM || clients.is_empty() {
        return Ok((clients, BTreeSet::new()));
    }
    if clients.len() > 1 {
        return Err(Error::property(
            "AllowedClients",
            format!(
                "names {} clients, which this IdP puts into the claim `{claim}`, where only one can be required; name \
                 one client, or use `AllowedAudience` for the audience they share",
                clients.len()
            ),
        ));
    }
    // The API's pattern is `[A-Za-z0-9_.-:]+`, in which `.-:` is a range.
    let claim_fits = !claim.is_empty()
        && claim.len() <= 255
        && claim.chars().all(|c| c.is_ascii_alphanumeric() || "_./:".contains(c));
    if !claim_fits {
        return Err(Error::property(
            "ClientClaimName",
            format!("is {}; use a claim's name, such as azp", quote(claim)),
        ));
    }
    let value_fits =
        |value: &String| value.len() <= 255 && value.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if let Some(client) = clients.iter().find(|client| !value_fits(client)) {
        let problem = format!("contains {}; a claim rule takes letters, digits and _.- only", quote(client));
        return Err(Error::property("AllowedClients", problem));
    }
    Ok((BTreeSet::new(), clients.into_iter().map(|client| (claim.to_owned(), client)).collect()))
}

impl Authorizer {
    /// Returns the API's form. The API refuses empty lists, so they are absent.
    ///
    /// # Errors
    /// A member that the SDK calls required is missing, which does not happen.
    pub(crate) fn to_api(&self) -> Result<AuthorizerConfiguration, BuildError> {
        Ok(AuthorizerConfiguration::CustomJwtAuthorizer(self.to_jwt_api()?))
    }

    /// Returns the API's form without the union around it.
    ///
    /// # Errors
    /// As for [`Self::to_api`].
    pub(crate) fn to_jwt_api(&self) -> Result<CustomJwtAuthorizerConfiguration, BuildError> {
        let list = |set: &BTreeSet<String>| (!set.is_empty()).then(|| set.iter().cloned().collect());
        let rules = self.claims.iter().map(|(name, value)| {
            CustomClaimValidationType::builder()
                .inbound_token_claim_name(name)
                .inbound_token_claim_value_type(InboundTokenClaimValueType::String)
                .authorizing_claim_match_value(
                    AuthorizingClaimMatchValueType::builder()
                        .claim_match_value(ClaimMatchValueType::MatchValueString(value.clone()))
                        .claim_match_operator(ClaimMatchOperatorType::Equals)
                        .build()?,
                )
                .build()
        });
        let rules = rules.collect::<Result<Vec<_>, BuildError>>()?;
        CustomJwtAuthorizerConfiguration::builder()
            .discovery_url(&self.discovery_url)
            .set_allowed_audience(list(&self.allowed_audience))
            .set_allowed_clients(list(&self.allowed_clients))
            .set_allowed_scopes(list(&self.allowed_scopes))
            .set_custom_claims((!rules.is_empty()).then_some(rules))
            .build()
    }

    /// Returns the claim that names the client, or `None` if the authorizer admits every client.
    pub(crate) fn client_claim(&self) -> Option<&str> {
        if self.allowed_clients.is_empty() {
            self.claims.first().map(|(name, _)| name.as_str())
        } else {
            Some(CLIENT_ID_CLAIM)
        }
    }

    /// Reads what the service reports. Another kind of authorizer never equals one of ours.
    pub(crate) fn from_api(live: &AuthorizerConfiguration) -> Self {
        let Some(live) = custom_jwt(Some(live)) else { return Self::foreign() };
        let set = |list: &[String]| list.iter().cloned().collect();
        Self {
            discovery_url: live.discovery_url().to_owned(),
            allowed_audience: set(live.allowed_audience()),
            allowed_clients: set(live.allowed_clients()),
            allowed_scopes: set(live.allowed_scopes()),
            claims: live.custom_claims().iter().filter_map(client_rule).collect(),
        }
    }

    fn foreign() -> Self {
        let none = BTreeSet::new;
        Self {
            discovery_url: String::new(),
            allowed_audience: none(),
            allowed_clients: none(),
            allowed_scopes: none(),
            claims: BTreeSet::new(),
        }
    }
}

/// Decides whether a rule, as JSON, has another form than the one that we write: see [`client_rule`].
fn is_foreign(rule: &Value) -> bool {
    let wanted = &rule["authorizingClaimMatchValue"];
    rule["inboundTokenClaimValueType"] != "STRING"
        || wanted["claimMatchOperator"] != "EQUALS"
        || !wanted["claimMatchValue"]["matchValueString"].is_string()
}

/// Returns the name and the value of a rule in the one form that we write.
fn client_rule(rule: &CustomClaimValidationType) -> Option<(String, String)> {
    let wanted = rule.authorizing_claim_match_value()?;
    let ours = *rule.inbound_token_claim_value_type() == InboundTokenClaimValueType::String
        && *wanted.claim_match_operator() == ClaimMatchOperatorType::Equals;
    let value = wanted.claim_match_value()?.as_match_value_string().ok()?;
    ours.then(|| (rule.inbound_token_claim_name().to_owned(), value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(issuer: &str, clients: &[&str]) -> Fields {
        Fields {
            idp: DiscoveryFields { discovery_url: None, issuer: Some(issuer.to_owned()) },
            allowed_audience: Vec::new(),
            allowed_clients: clients.iter().map(|client| (*client).to_owned()).collect(),
            allowed_scopes: Vec::new(),
            client_claim_name: None,
        }
    }

    fn build(fields: Fields) -> Result<Authorizer, Error> {
        fields.check("`InboundAuth` JWT")?.with_usual_claim()
    }

    #[test]
    fn the_claim_follows_the_idp() {
        for (issuer, claim) in [
            ("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a", "client_id"),
            ("https://dev-1.okta.com/oauth2/default", "cid"),
            ("https://dev-1.oktapreview.com", "cid"),
            ("https://sts.windows.net/tenant/", "appid"),
            ("https://login.microsoftonline.com/tenant", "appid"),
            ("https://login.microsoftonline.com/tenant/v2.0", "azp"),
            ("https://tenant.eu.auth0.com/", "azp"),
            ("https://notokta.com/", "azp"),
        ] {
            assert_eq!(usual_claim(&HttpsUrl::parse(issuer).unwrap()), claim, "{issuer}");
        }
    }

    #[test]
    fn one_client_becomes_a_rule_and_several_are_refused() {
        let one = build(fields("https://tenant.auth0.com/", &["app"])).unwrap();
        assert_eq!(one.claims, BTreeSet::from([("azp".to_owned(), "app".to_owned())]));
        assert_eq!(one.discovery_url, "https://tenant.auth0.com/.well-known/openid-configuration");
        let several = build(fields("https://tenant.auth0.com/", &["a", "b"])).unwrap_err().to_string();
        assert!(several.contains("`AllowedAudience`"), "{several}");
        let cognito = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a";
        assert_eq!(build(fields(cognito, &["a", "b"])).unwrap().allowed_clients.len(), 2);
    }

    #[test]
    fn an_authorizer_that_asks_for_nothing_is_refused() {
        assert!(build(fields("https://tenant.auth0.com/", &[])).is_err());
    }

    #[test]
    fn round_trips_through_the_api() {
        let authorizer = build(fields("https://tenant.auth0.com/", &["app"])).unwrap();
        assert_eq!(Authorizer::from_api(&authorizer.to_api().unwrap()), authorizer);
    }
}

//! The document in which an identity provider describes itself: its address in a template, and the checks of its
//! content.

use serde::Deserialize;
use serde_json::value::RawValue;
use tracing::warn;

use super::request::{TIMEOUT, is_passing, with_retries};
use crate::aws::Context;
use crate::code::Code;
use crate::error::Error;
use crate::http::{NoReply, exchange};
use crate::https_url::HttpsUrl;
use crate::json::{self, text, texts};
use crate::properties::PropertySet;
use crate::ssrf::callable_url;
use crate::text::quote;
use crate::wait::Deadline;

/// The well-known documents that a discovery URL may name (API reference, CustomJWTAuthorizerConfiguration).
const WELL_KNOWN: [&str; 2] = [OPENID, "/.well-known/oauth-authorization-server"];
/// The path of a discovery document below its issuer (OpenID Connect Discovery 1.0, section 4).
const OPENID: &str = "/.well-known/openid-configuration";

/// The address of an identity provider's discovery document, and the property that gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// The address.
    pub(crate) url: HttpsUrl,
    /// The property that gives the address, for sentences: `` `Issuer` ``, ``the gateway's `DiscoveryUrl` ``.
    pub(crate) given_by: String,
    /// The issuer that the template names in addition to the address.
    pub(crate) issuer: Option<HttpsUrl>,
}

/// The content of a discovery document (OpenID Connect Discovery 1.0, RFC 8414).
#[derive(Clone, Debug)]
pub struct Metadata {
    /// The issuer that tokens must name.
    pub(crate) issuer: HttpsUrl,
    /// The endpoint that issues tokens. An issuer that only signs does not have one: Kubernetes, EKS, GitHub Actions.
    pub(crate) token_endpoint: Option<HttpsUrl>,
    /// The page on which users sign in, if the IdP has one. The function does not call it.
    pub(crate) authorization_endpoint: Option<String>,
    /// The document's words about clients that sign users in.
    pub(crate) sign_in: SignIn,
    /// True if the token endpoint takes the client secret as HTTP Basic credentials.
    pub(crate) basic: bool,
    /// The other ways in which clients authenticate, if the document lists no way to send a client secret.
    pub(crate) secretless_methods: Option<Vec<String>>,
    /// The algorithms that sign ID tokens, if the document names them. Access tokens may be signed otherwise.
    id_token_algorithms: Option<Vec<String>>,
    source: Discovery,
}

/// The offers of an IdP to clients that sign users in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignIn {
    /// True if a client can register itself (RFC 7591).
    pub registers_clients: bool,
    /// True if the id of a client can be the URL of a document about it (OAuth client id metadata documents).
    pub takes_client_documents: bool,
    /// True if the document lists S256, by which a client proves that it began the sign-in (RFC 7636).
    pub lists_s256: bool,
}

/// The members that are read of a discovery document.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    issuer: Option<&'a RawValue>,
    #[serde(borrow)]
    jwks_uri: Option<&'a RawValue>,
    #[serde(borrow)]
    token_endpoint: Option<&'a RawValue>,
    #[serde(borrow)]
    authorization_endpoint: Option<&'a RawValue>,
    #[serde(borrow)]
    registration_endpoint: Option<&'a RawValue>,
    #[serde(borrow)]
    client_id_metadata_document_supported: Option<&'a RawValue>,
    #[serde(borrow)]
    code_challenge_methods_supported: Option<&'a RawValue>,
    #[serde(borrow)]
    token_endpoint_auth_methods_supported: Option<&'a RawValue>,
    #[serde(borrow)]
    id_token_signing_alg_values_supported: Option<&'a RawValue>,
}

impl SignIn {
    fn of(document: &Document<'_>) -> Self {
        let methods = texts(document.code_challenge_methods_supported).unwrap_or_default();
        Self {
            registers_clients: text(document.registration_endpoint).is_some(),
            takes_client_documents: document.client_id_metadata_document_supported.is_some_and(|it| it.get() == "true"),
            lists_s256: methods.iter().any(|it| it == "S256"),
        }
    }
}

impl Metadata {
    /// Returns what is known of a server whose token endpoint was given without a document.
    pub(crate) fn of_server(issuer: HttpsUrl, token_endpoint: HttpsUrl) -> Self {
        let source = Discovery { url: issuer.clone(), given_by: Discovery::property_of("server"), issuer: None };
        Self {
            issuer,
            token_endpoint: Some(token_endpoint),
            authorization_endpoint: None,
            sign_in: SignIn { registers_clients: false, takes_client_documents: false, lists_s256: false },
            basic: true,
            secretless_methods: None,
            id_token_algorithms: None,
            source,
        }
    }

    /// Returns the endpoint at which a client with a secret asks for tokens.
    ///
    /// # Errors
    /// The document names no such endpoint, or none that takes a secret.
    pub(crate) fn token_endpoint(&self) -> Result<&HttpsUrl, Error> {
        self.token_endpoint.as_ref().ok_or_else(|| {
            let problem = "whose document has no `token_endpoint`: the issuer signs tokens and gives none to clients; leave \
                           the client out, or give the discovery URL of an IdP that has clients";
            Error::unverified(Code::DiscoveryInvalid, self.source.gives(problem))
        })
    }

    /// Refuses an IdP whose document lists ways for clients to authenticate, and no secret among them.
    ///
    /// # Errors
    /// Names the ways that the document lists.
    pub(crate) fn check_takes_secrets(&self) -> Result<(), Error> {
        let Some(methods) = &self.secretless_methods else { return Ok(()) };
        let listed = if methods.is_empty() { "none".to_owned() } else { methods.join(", ") };
        let sentence = format!(
            "the IdP {} takes no client secrets: `token_endpoint_auth_methods_supported` is {listed}; allow the client \
             client_secret_basic or client_secret_post at the IdP, or use another IdP",
            quote(self.issuer.as_str())
        );
        Err(Error::unverified(Code::ClientSecretNotTaken, sentence))
    }

    /// Logs [`Self::signing_doubt`] where no answer can carry it.
    pub(crate) fn log_signing_doubt(&self) {
        if let Some(doubt) = self.signing_doubt() {
            warn!(doubt, "AgentCore may not accept the issuer's tokens");
        }
    }

    /// Returns a warning for the case that no token was seen and the document does not say if AgentCore can verify one.
    pub(crate) fn signing_doubt(&self) -> Option<String> {
        let algorithms = self.id_token_algorithms.as_ref().filter(|it| !it.iter().any(|it| it == "RS256"))?;
        Some(format!(
            "{} signs ID tokens with {}; AgentCore verifies RS256, and no token was seen that would show what access \
             tokens are signed with",
            quote(self.issuer.as_str()),
            algorithms.join(", ")
        ))
    }
}

/// Returns the address of the discovery document of `issuer`.
pub(crate) fn discovery_url(issuer: &str) -> String {
    format!("{}{OPENID}", issuer.trim_end_matches('/'))
}

/// The properties that name an identity provider.
#[derive(Clone, Debug, PropertySet)]
pub(crate) struct DiscoveryFields {
    /// The IdP's document, `https://…/.well-known/openid-configuration` or `…/oauth-authorization-server`, with the
    /// issuer's path before or behind that.
    #[property(name = "DiscoveryUrl", default_text = "from `Issuer`")]
    pub(crate) discovery_url: Option<String>,
    /// Used to derive `DiscoveryUrl`, and to know in which claim the IdP names the client. Together with `DiscoveryUrl`,
    /// it has to be the issuer that the document names.
    #[property(name = "Issuer", default_text = "–")]
    pub(crate) issuer: Option<String>,
}

impl DiscoveryFields {
    /// Returns the discovery document that `selector` asks for: see [`Discovery::new`].
    pub(crate) fn required_by(self, selector: &str) -> Result<Discovery, Error> {
        Discovery::new(selector, self.discovery_url, self.issuer)
    }
}

impl Discovery {
    /// Returns the document at the `DiscoveryUrl` that a template gives, or the one that every OpenID provider has
    /// below its `Issuer`. `selector` is the property and the value that ask for one.
    pub(crate) fn new(selector: &str, url: Option<String>, issuer: Option<String>) -> Result<Self, Error> {
        let (property, url, beside) = match (url, issuer) {
            (Some(url), issuer) => ("DiscoveryUrl", url, issuer.as_deref().map(stated_issuer).transpose()?),
            (None, Some(issuer)) if WELL_KNOWN.iter().any(|path| issuer.contains(path)) => {
                let problem = format!("is {}, a discovery URL; put it into `DiscoveryUrl`", quote(&issuer));
                return Err(Error::property("Issuer", problem));
            }
            (None, Some(issuer)) => ("Issuer", discovery_url(&issuer), None),
            (None, None) => {
                let problem = format!("is missing; {selector} needs it, or `Issuer` to derive it from");
                return Err(Error::property("DiscoveryUrl", problem));
            }
        };
        let refuse = |problem: &str| {
            let problem =
                format!("gives the discovery URL {}, which {problem}; use `https://<issuer>{OPENID}`", quote(&url));
            Error::property(property, problem)
        };
        let url = document_url(&url).map_err(refuse)?;
        Ok(Self { url, given_by: format!("`{property}`"), issuer: beside })
    }

    /// Returns the document of something that exists: a `what` (`runtime`, `gateway`).
    ///
    /// # Errors
    /// AWS reports another address than an https URL.
    pub fn of_live(what: &str, url: &str) -> Result<Self, Error> {
        let given_by = Self::property_of(what);
        Ok(Self { url: live_url(&given_by, url)?, given_by, issuer: None })
    }

    fn property_of(what: &str) -> String {
        format!("the {what}'s `DiscoveryUrl`")
    }

    /// Returns true if a document that was usable before has to be read again: the template now names another issuer
    /// for it.
    pub(crate) fn is_restated(&self, old: &Self) -> bool {
        self.url == old.url && self.issuer.is_some() && self.issuer != old.issuer
    }

    /// Returns true if the document at this address belongs to `issuer`: "MUST be identical to the Issuer URL that was
    /// used as the prefix" (OpenID Connect Discovery 1.0, section 4.3).
    pub(crate) fn is_of(&self, issuer: &str) -> bool {
        self.expected_issuer() == issuer.trim_end_matches('/')
    }

    /// Returns the issuer whose document is at this address, without a slash at its end. RFC 8414 has the issuer's path
    /// behind the well-known name (section 3.1). The text counts, and not the normal form, because tokens are compared
    /// with the issuer character by character.
    fn expected_issuer(&self) -> String {
        let url = self.url.as_str();
        let (host, path) = WELL_KNOWN.iter().find_map(|name| url.split_once(name)).unwrap_or((url, ""));
        format!("{}{path}", host.trim_end_matches('/')).trim_end_matches('/').to_owned()
    }
}

/// Reads a URL of an identity provider as AWS reports it. `given_by` is what has it: ``the gateway's `DiscoveryUrl` ``.
pub(crate) fn live_url(given_by: &str, text: &str) -> Result<HttpsUrl, Error> {
    HttpsUrl::parse(text).map_err(|problem| {
        let sentence = format!("{given_by} is {}, which {problem}; correct it there", quote(text));
        Error::unverified(Code::DiscoveryInvalid, sentence)
    })
}

/// Reads the address of a discovery document. The error completes "…, which".
fn document_url(text: &str) -> Result<HttpsUrl, &'static str> {
    let url = callable_url(text)?;
    let (parsed, path) = (url.parsed(), url.parsed().path());
    if parsed.query().is_some() || parsed.fragment().is_some() {
        Err("has a query or a fragment")
    } else if path.matches("/.well-known/").count() > 1 {
        Err("has the well-known path twice")
    } else if !WELL_KNOWN.iter().any(|name| path.ends_with(name) || path.contains(&format!("{name}/"))) {
        Err("does not end in a well-known path")
    } else {
        Ok(url)
    }
}

/// Reads the `Issuer` that a template gives in addition to the address.
fn stated_issuer(text: &str) -> Result<HttpsUrl, Error> {
    HttpsUrl::parse(text).map_err(|problem| {
        let problem = format!("is {}, which {problem}; give the issuer that the document names", quote(text));
        Error::property("Issuer", problem)
    })
}

/// Reads the discovery document. Retries for a while if there is no answer.
pub async fn discover(context: &Context, deadline: Deadline, discovery: &Discovery) -> Result<Metadata, Error> {
    with_retries(deadline, async || read(context, discovery).await).await
}

async fn read(context: &Context, discovery: &Discovery) -> Result<Metadata, Error> {
    let invalid = |problem: String| Error::unverified(Code::DiscoveryInvalid, discovery.gives(&problem));
    let unreachable = |problem: String| Error::unverified(Code::IdpUnreachable, discovery.gives(&problem));
    let accept = [("accept", "application/json".to_owned())];
    let url = &discovery.url;
    if let Some(problem) = context.identity_provider_hosts.problem(url) {
        return Err(invalid(format!("which is not called: {problem}")));
    }
    let reply = exchange(&context.connectors.guarded, "GET", url.parsed(), &accept, Vec::new(), TIMEOUT).await;
    let reply = reply.map_err(|problem| match problem {
        NoReply::Refused(refusal) => {
            invalid(format!("which is not called: {refusal}; give the URL at which AgentCore reaches the IdP"))
        }
        NoReply::Silence(problem) => {
            let advice = "check the URL and the function's network";
            unreachable(format!("which cannot be reached: {problem}; {advice}"))
        }
    })?;
    if let Some(target) = reply.redirect() {
        return Err(invalid(format!("which redirects to {}; give the final URL", quote(target))));
    }
    match reply.status {
        200 => {}
        status if is_passing(status) => {
            return Err(unreachable(format!("which answers HTTP {status}; see the IdP's log")));
        }
        status => {
            let advice = format!("correct the URL: it is the issuer's, then {OPENID}");
            return Err(invalid(format!("which answers HTTP {status}; {advice}")));
        }
    }
    let document = json::object(&reply.body)
        .ok_or_else(|| invalid("which is not a JSON document; give the discovery document's URL".to_owned()))?;
    let metadata = discovery.metadata(&document)?;
    let endpoint = metadata.token_endpoint.as_ref();
    match endpoint.and_then(|endpoint| Some((endpoint, context.identity_provider_hosts.problem(endpoint)?))) {
        None => Ok(metadata),
        Some((endpoint, problem)) => {
            let endpoint = quote(endpoint.as_str());
            Err(invalid(format!("whose document has the `token_endpoint` {endpoint}, which is not called: {problem}")))
        }
    }
}

impl Discovery {
    /// Begins a sentence about the address: `` `Issuer` gives "https://…", which … ``
    fn gives(&self, problem: &str) -> String {
        format!("{} gives {}, {problem}", self.given_by, quote(self.url.as_str()))
    }

    /// Reads the document's members, and refuses a document of another issuer. Every endpoint that is given is checked,
    /// even if it is not needed, because a secret may be sent to it.
    fn metadata(&self, document: &Document<'_>) -> Result<Metadata, Error> {
        let invalid = |problem: String| Error::unverified(Code::DiscoveryInvalid, self.gives(&problem));
        let required = |name: &str, member| {
            text(member).ok_or_else(|| {
                invalid(format!("whose document has no `{name}`; it is not a complete discovery document"))
            })
        };
        let public = |name: &str, address: String| {
            callable_url(address.as_str()).map_err(|problem| {
                invalid(format!(
                    "whose document has the `{name}` {}, which {problem}; configure the IdP to publish its public https \
                     URL (Keycloak behind a proxy: `proxy-headers`)",
                    quote(&address)
                ))
            })
        };
        let issuer = required("issuer", document.issuer)?;
        self.check_issuer(&issuer).map_err(invalid)?;
        let issuer = public("issuer", issuer)?;
        public("jwks_uri", required("jwks_uri", document.jwks_uri)?)?;
        // Without the list, Basic is the default (RFC 8414, section 2).
        let methods = texts(document.token_endpoint_auth_methods_supported).unwrap_or_else(|| vec![BASIC.to_owned()]);
        let takes = |method: &str| methods.iter().any(|it| it == method);
        let basic = takes(BASIC);
        let token_endpoint =
            text(document.token_endpoint).map(|address| public("token_endpoint", address)).transpose()?;
        Ok(Metadata {
            issuer,
            token_endpoint,
            authorization_endpoint: text(document.authorization_endpoint),
            sign_in: SignIn::of(document),
            basic,
            secretless_methods: (!basic && !takes("client_secret_post")).then_some(methods),
            id_token_algorithms: texts(document.id_token_signing_alg_values_supported),
            source: self.clone(),
        })
    }

    /// Refuses a document that names another issuer than its own address does, or than the template does.
    fn check_issuer(&self, issuer: &str) -> Result<(), String> {
        if !self.is_of(issuer) && !differs_by_design(issuer) {
            if self.expected_issuer().eq_ignore_ascii_case(issuer.trim_end_matches('/')) {
                return Err(format!(
                    "whose document names the issuer {}, which differs in case only; write the address as the document \
                     does, because tokens are compared character by character",
                    quote(issuer)
                ));
            }
            return Err(format!(
                "whose document names another issuer, {}, which tokens will name too; use that issuer's discovery URL, or \
                 make the IdP name itself by the host it is called at (Keycloak: `hostname`)",
                quote(issuer)
            ));
        }
        match self.issuer.as_ref().map(HttpsUrl::as_str).filter(|beside| !is_same(beside, issuer)) {
            None => Ok(()),
            Some(beside) => Err(format!(
                "whose document names the issuer {}, and `Issuer` is {}; give both of one IdP",
                quote(issuer),
                quote(beside)
            )),
        }
    }
}

/// The method of RFC 6749 that every server has to support for clients with a secret.
const BASIC: &str = "client_secret_basic";

/// The placeholder for the tenant in the documents that Entra has for several tenants.
const ANY_TENANT: &str = "{tenantid}";

/// Returns true for an issuer whose tokens name another one: Entra's version 1 tokens come from `sts.windows.net`, and
/// multi-tenant documents carry a placeholder.
fn differs_by_design(issuer: &str) -> bool {
    HttpsUrl::parse(issuer).is_ok_and(|url| url.is_under("sts.windows.net")) || issuer.contains(ANY_TENANT)
}

/// Returns true if the issuer that a template names can be that of a document.
fn is_same(stated: &str, issuer: &str) -> bool {
    issuer.contains(ANY_TENANT) || stated.trim_end_matches('/') == issuer.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ssrf::testing::Home;

    #[tokio::test(start_paused = true)]
    async fn a_host_that_resolves_to_a_refused_address_is_final_and_says_what_to_change() {
        let context = Context::in_memory(Home);
        let discovery = Discovery::new("it", None, Some("https://idp.example.com".to_owned())).unwrap();
        let started = tokio::time::Instant::now();
        let error = discover(&context, Deadline::after(Duration::from_mins(1)), &discovery).await.unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.starts_with(
                "`Issuer` gives \"https://idp.example.com/.well-known/openid-configuration\", which is not called: its host \
                 idp.example.com resolves to 127.0.0.1, "
            ) && sentence.ends_with("does not call; give the URL at which AgentCore reaches the IdP"),
            "{sentence}"
        );
        assert_eq!(started.elapsed(), Duration::ZERO, "another attempt would be refused, too");
    }

    #[test]
    fn a_document_is_found_below_its_issuer_or_between_its_host_and_its_path() {
        for (url, issuer) in [
            ("https://h/.well-known/openid-configuration", "https://h/"),
            ("https://h/a/b/.well-known/openid-configuration", "https://h/a/b"),
            ("https://h/a/.well-known/oauth-authorization-server", "https://h/a"),
            ("https://h/.well-known/oauth-authorization-server/a/b", "https://h/a/b/"),
            ("https://h/.well-known/oauth-authorization-server/a/", "https://h/a"),
            ("https://h/.well-known/oauth-authorization-server/", "https://h"),
            ("https://h/.well-known/openid-configuration/a", "https://h/a"),
        ] {
            let discovery = Discovery::new("it", Some(url.to_owned()), None).unwrap();
            assert!(discovery.is_of(issuer), "{url}");
            assert!(!discovery.is_of(&format!("{}/c", issuer.trim_end_matches('/'))), "{url}");
        }
    }

    #[test]
    fn a_discovery_url_is_https_and_names_no_user() {
        for issuer in ["http://h", "https://user@h", "https://user:password@h/a", "https://", "h", "https://h/?a"] {
            let refusal = Discovery::new("it", None, Some(issuer.to_owned())).unwrap_err().to_string();
            assert!(refusal.starts_with("`Issuer` gives the discovery URL"), "{refusal}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (issuer, problem) in [
            ("http://h", "which is not an https URL; use"),
            ("h", "which is not an https URL"),
            ("https://h/?a", "which has a query or a fragment"),
            ("https://h/#a", "which has a query or a fragment"),
            ("https://user@h", "which names a user"),
            ("https://h/a b", "which has white space in it"),
            ("https://h/.well-known/openid-configuration", "a discovery URL; put it into `DiscoveryUrl`"),
        ] {
            let refusal = Discovery::new("it", None, Some(issuer.to_owned())).unwrap_err().to_string();
            assert!(refusal.contains(problem), "{issuer}: {refusal}");
        }
        let refusal = Discovery::new("it", Some("https://h/".to_owned()), None).unwrap_err().to_string();
        assert!(refusal.contains("which does not end in a well-known path"), "{refusal}");
        let url = "https://h/.well-known/openid-configuration".to_owned();
        let refusal = Discovery::new("it", Some(url), Some("h".to_owned())).unwrap_err().to_string();
        assert!(refusal.starts_with("`Issuer` is \"h\", which is not an https URL; give"), "{refusal}");
        let refusal = Discovery::of_live("gateway", "http://h/").unwrap_err().to_string();
        assert!(refusal.starts_with("the gateway's `DiscoveryUrl` is \"http://h/\", which is not"), "{refusal}");
        for issuer in ["https://h", "https://h/", "https://h//", "HTTPS://h"] {
            assert!(Discovery::new("it", None, Some(issuer.to_owned())).is_ok(), "{issuer}");
        }
    }
}

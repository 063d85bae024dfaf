//! Performs the strongest check without credentials: the server asks for a token, and for one of the right issuer (MCP
//! authorization, RFC 9728).

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::clients;
use crate::code::Code;
use crate::error::Error;
use crate::http::{NoReply, Reply, exchange};
use crate::https_url::HttpsUrl;
use crate::job::Job;
use crate::json::{self, text, texts};
use crate::mcp::ServerUrl;
use crate::oauth::{self, Discovery};
use crate::ssrf::callable_url;
use crate::text::quote;
use crate::wait::Deadline;

const TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(5);
const CODE: Code = Code::Unauthorized;

/// Checks the challenge and returns the sentence for the result's `Detail`: whose tokens the endpoint asks for, and what
/// keeps clients from connecting.
pub(super) async fn check(
    job: &Job<'_>,
    deadline: Deadline,
    endpoint: &ServerUrl,
    discovery: Option<&Discovery>,
) -> Result<String, Error> {
    let mut findings = Vec::new();
    let challenge = challenge(job, deadline, endpoint).await?;
    let metadata = if let Some(url) = parameter(&challenge, "resource_metadata") {
        ResourceMetadata::read(job, deadline, &url).await?
    } else {
        let metadata = well_known(job, deadline, endpoint, &challenge).await?;
        findings.push(format!(
            "the challenge has no `resource_metadata`, so that only clients that try well-known paths find {}",
            quote(metadata.url.as_str())
        ));
        metadata
    };
    let servers = &metadata.authorization_servers;
    findings.extend(clients::resource_finding(endpoint.url(), metadata.resource.as_deref()));
    if let Some(discovery) = discovery {
        let idp = oauth::discover(job.context, job.deadline, discovery).await?;
        let issuer = idp.issuer.as_str();
        if !servers.iter().any(|server| server.trim_end_matches('/') == issuer.trim_end_matches('/')) {
            let sentence = format!(
                "the endpoint sends its callers to {} and {} names {}; make them the same IdP",
                servers.join(", "),
                discovery.given_by,
                quote(issuer)
            );
            return Err(Error::unverified(Code::ClaimMismatch, sentence));
        }
        findings.extend(idp.signing_doubt());
        findings.extend(clients::issuer_finding(servers, issuer));
        findings.extend(clients::sign_in_findings(&idp));
    }
    let passed = format!(
        "the endpoint demands a token of {}; no tool was listed, because no client was given",
        servers.join(", ")
    );
    Ok([vec![passed], findings].concat().join("; "))
}

/// Protected-resource metadata.
struct ResourceMetadata {
    url: HttpsUrl,
    authorization_servers: Vec<String>,
    resource: Option<String>,
}

/// The members that are read of protected-resource metadata (RFC 9728, section 2).
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    authorization_servers: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
}

impl ResourceMetadata {
    /// Reads the metadata that a challenge names.
    async fn read(job: &Job<'_>, deadline: Deadline, url: &str) -> Result<Self, Error> {
        let called = callable_url(url).map_err(|problem| {
            let sentence = format!(
                "the endpoint's challenge points to {}, which {problem}, so that it was not followed; make the server \
                 name its public https URL",
                quote(url)
            );
            Error::unverified(CODE, sentence)
        })?;
        let reply = get(job, deadline, &called).await.map_err(|problem| {
            let sentence = format!("the protected-resource metadata {} cannot be read: {problem}", quote(url));
            Error::unverified(CODE, sentence)
        })?;
        if let Some(target) = reply.redirect() {
            let sentence = format!(
                "the protected-resource metadata {} redirects to {} (HTTP {}), which clients need not follow; make the \
                 server's challenge name the final URL",
                quote(url),
                job.quote(target),
                reply.status
            );
            return Err(Error::unverified(CODE, sentence));
        }
        Self::of(&called, &reply).ok_or_else(|| {
            let sentence = format!(
                "the protected-resource metadata {} names no `authorization_servers` (HTTP {})",
                quote(url),
                reply.status
            );
            Error::unverified(CODE, sentence)
        })
    }

    /// Returns the metadata in a reply, if it names authorization servers.
    fn of(url: &HttpsUrl, reply: &Reply) -> Option<Self> {
        let document: Document<'_> = json::object(&reply.body).filter(|_| reply.status == 200)?;
        let authorization_servers = texts(document.authorization_servers).filter(|servers| !servers.is_empty())?;
        Some(Self { url: url.clone(), authorization_servers, resource: text(document.resource) })
    }
}

/// Finds the metadata of an endpoint whose challenge names none, as MCP clients do: at the well-known path with the
/// endpoint's path behind it, and at the well-known path itself (MCP 2025-11-25, authorization server location).
async fn well_known(
    job: &Job<'_>,
    deadline: Deadline,
    endpoint: &ServerUrl,
    challenge: &str,
) -> Result<ResourceMetadata, Error> {
    let urls = clients::well_known_urls(endpoint.url());
    for url in &urls {
        let reply = get(job, deadline, url).await.ok();
        if let Some(metadata) = reply.and_then(|reply| ResourceMetadata::of(url, &reply)) {
            return Ok(metadata);
        }
    }
    let tried: Vec<_> = urls.iter().map(|url| quote(url.as_str())).collect();
    let sentence = format!(
        "the endpoint's challenge {} has no `resource_metadata`, and there is no protected-resource metadata at {}; let \
         the server publish it, so that clients know where to get a token",
        job.quote(challenge),
        tried.join(" or ")
    );
    Err(Error::unverified(CODE, sentence))
}

/// Waits until a call without a token is challenged, and returns the challenge.
async fn challenge(job: &Job<'_>, deadline: Deadline, endpoint: &ServerUrl) -> Result<String, Error> {
    let headers =
        [("accept", "application/json, text/event-stream".to_owned()), ("content-type", "application/json".to_owned())];
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    loop {
        let problem = match ask(job, deadline, "POST", endpoint, &headers, body).await {
            Ok(reply) if reply.status == 401 => {
                return Ok(reply.headers("www-authenticate").collect::<Vec<_>>().join(", "));
            }
            Ok(reply) if reply.status == 403 => {
                let sentence = "the endpoint takes signatures and no tokens; set the probe's `Auth` to IAM";
                return Err(Error::unverified(CODE, sentence));
            }
            Ok(reply) if reply.status < 300 => {
                let sentence = "the endpoint answers without credentials; protect it";
                return Err(Error::unverified(CODE, sentence));
            }
            Ok(reply) if reply.redirect().is_some() => {
                let target = job.quote(reply.redirect().unwrap_or_default());
                let sentence = format!(
                    "the endpoint redirects to {target} (HTTP {}), and MCP clients do not follow; give the final URL in \
                     `Endpoint`",
                    reply.status
                );
                return Err(Error::unverified(Code::Redirected, sentence));
            }
            Ok(reply) => format!("HTTP {}", reply.status),
            Err(NoReply::Refused(refusal)) => {
                let sentence = format!(
                    "the endpoint is not called: {refusal}; give an address in `Endpoint` that its \
                                        clients reach, too"
                );
                return Err(Error::unverified(CODE, sentence));
            }
            Err(NoReply::Silence(problem)) => problem,
        };
        if deadline.sleep(PAUSE).await.is_err() {
            let sentence = format!("the endpoint does not demand a token: {problem}");
            return Err(Error::unverified(CODE, sentence));
        }
    }
}

/// Gets a document of the server. Retries like a request to an IdP while the server does not answer.
async fn get(job: &Job<'_>, deadline: Deadline, url: &HttpsUrl) -> Result<Reply, NoReply> {
    let (started, url) = (Instant::now(), ServerUrl::from(url.clone()));
    loop {
        let reply = ask(job, deadline, "GET", &url, &[("accept", "application/json".to_owned())], "").await;
        let is_passing = match &reply {
            Ok(reply) => oauth::is_passing(reply.status),
            Err(NoReply::Silence(_)) => true,
            Err(NoReply::Refused(_)) => false,
        };
        if !is_passing || started.elapsed() >= oauth::RETRY_TIMEOUT || deadline.sleep(PAUSE).await.is_err() {
            return reply;
        }
    }
}

/// Performs one exchange, which ends at the deadline at the latest.
async fn ask(
    job: &Job<'_>,
    deadline: Deadline,
    method: &str,
    url: &ServerUrl,
    headers: &[(&'static str, String)],
    body: &str,
) -> Result<Reply, NoReply> {
    let destination = url.destination(&job.context.endpoints, &job.context.region);
    let connector = destination.connector(&job.context.connectors);
    let asking = exchange(connector, method, &destination.url, headers, body.as_bytes().to_vec(), TIMEOUT);
    deadline.limit(asking).await.unwrap_or_else(|| Err(NoReply::Silence("no answer in time".to_owned())))
}

/// Returns the first parameter of this name in a list of challenges, `Bearer name="value", …` (RFC 9110, section 11.6.1).
/// Names are compared without case. Also reads a URL without quotes, which some servers send.
fn parameter(challenges: &str, name: &str) -> Option<String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let mut rest = challenges;
    while !rest.is_empty() {
        let (token, after) = rest.split_at(rest.find(|c| !is_token(c)).unwrap_or(rest.len()));
        let value = after.trim_start().strip_prefix('=').filter(|_| !token.is_empty()).map(str::trim_start);
        rest = match value.map(|value| value.strip_prefix('"').ok_or(value)) {
            // The name of a scheme, or what separates names.
            None => after.strip_prefix(|c| !is_token(c)).unwrap_or(after),
            Some(Ok(quoted)) => {
                let (value, after) = unquoted(quoted);
                if token.eq_ignore_ascii_case(name) {
                    return Some(value);
                }
                after
            }
            Some(Err(bare)) => {
                let (value, after) = bare.split_at(bare.find([',', ' ', '\t']).unwrap_or(bare.len()));
                if token.eq_ignore_ascii_case(name) {
                    return Some(value.to_owned());
                }
                after
            }
        };
    }
    None
}

/// Returns the content of a quoted string whose first quotation mark is read, and what follows the last one.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => break,
            '\\' => value.extend(characters.next()),
            c => value.push(c),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_read_from_every_form_of_a_challenge() {
        for (challenges, expected) in [
            (r#"Bearer resource_metadata="https://a/b", scope="x""#, Some("https://a/b")),
            (r#"Bearer scope="x y", resource_metadata="https://a/b""#, Some("https://a/b")),
            ("Bearer resource_metadata=https://a/b", Some("https://a/b")),
            ("Bearer resource_metadata=https://a/b?c=d, scope=x", Some("https://a/b?c=d")),
            (r#"Bearer Resource_Metadata = "https://a/b""#, Some("https://a/b")),
            (r#"Bearer resource_metadata="https://a/\"b\\""#, Some(r#"https://a/"b\"#)),
            // Words inside another value are not a parameter.
            (r#"Bearer error_description="no resource_metadata=here""#, None),
            (
                r#"Bearer error_description="say \"resource_metadata=\"", resource_metadata="https://a/b""#,
                Some("https://a/b"),
            ),
            (r#"Bearer x_resource_metadata="https://no/", resource_metadata="https://a/b""#, Some("https://a/b")),
            // More than one challenge.
            (r#"Basic realm="x", Bearer resource_metadata="https://a/b""#, Some("https://a/b")),
            ("Negotiate YWJj==, Bearer resource_metadata=https://a/b", Some("https://a/b")),
            ("Basic, Bearer,, resource_metadata=\"https://a/b", Some("https://a/b")),
            ("Bearer", None),
            ("Bearer resource_metadata", None),
            ("", None),
            ("é = \"x\"", None),
        ] {
            assert_eq!(parameter(challenges, "resource_metadata").as_deref(), expected, "{challenges}");
        }
    }
}

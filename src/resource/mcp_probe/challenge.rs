//! Performs the strongest check without credentials: the server asks for a token, and for one of the right issuer (MCP
//! authorization, RFC 9728).

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::clients;
use crate::code::Code;
use crate::error::Error;
use crate::http::{NoReply, Reply, exchange};
use crate::job::Job;
use crate::json::{self, text, texts};
use crate::mcp::url::Destination;
use crate::oauth::{self, Discovery};
use crate::ssrf::ssrf_objection;
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
    endpoint: &str,
    discovery: Option<&Discovery>,
) -> Result<String, Error> {
    let mut findings = Vec::new();
    let challenge = challenge(job, deadline, endpoint).await?;
    let metadata = if let Some(url) = resource_metadata(&challenge) {
        ResourceMetadata::read(job, deadline, url).await?
    } else {
        let metadata = well_known(job, deadline, endpoint, &challenge).await?;
        findings.push(format!(
            "the challenge has no `resource_metadata`, so that only clients that try well-known paths find {}",
            quote(&metadata.url)
        ));
        metadata
    };
    let servers = &metadata.authorization_servers;
    findings.extend(clients::resource_finding(endpoint, metadata.resource.as_deref()));
    if let Some(discovery) = discovery {
        let idp = oauth::discover(job.context, job.deadline, discovery).await?;
        let issuer = &idp.issuer;
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
        "the endpoint asks for a token of {}; no tool was listed, because no client was given",
        servers.join(", ")
    );
    Ok([vec![passed], findings].concat().join("; "))
}

/// Protected-resource metadata.
struct ResourceMetadata {
    url: String,
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
        if let Some(objection) = ssrf_objection(url) {
            let sentence = format!(
                "the endpoint's challenge points to {}, which {objection}, so that it was not followed; make the server \
                 name its public https address",
                quote(url)
            );
            return Err(Error::unverified(CODE, sentence));
        }
        let reply = get(job, deadline, url).await.map_err(|problem| {
            let sentence = format!("the protected-resource metadata {} cannot be read: {problem}", quote(url));
            Error::unverified(CODE, sentence)
        })?;
        Self::of(url, &reply).ok_or_else(|| {
            let sentence = format!(
                "the protected-resource metadata {} names no `authorization_servers` (HTTP {})",
                quote(url),
                reply.status
            );
            Error::unverified(CODE, sentence)
        })
    }

    /// Returns the metadata in a reply, if it names authorization servers.
    fn of(url: &str, reply: &Reply) -> Option<Self> {
        let document: Document<'_> = json::object(&reply.body).filter(|_| reply.status == 200)?;
        let authorization_servers = texts(document.authorization_servers).filter(|servers| !servers.is_empty())?;
        Some(Self { url: url.to_owned(), authorization_servers, resource: text(document.resource) })
    }
}

/// Finds the metadata of an endpoint whose challenge names none, as MCP clients do: at the well-known path with the
/// endpoint's path behind it, and at the well-known path itself (MCP 2025-11-25, authorization server location).
async fn well_known(
    job: &Job<'_>,
    deadline: Deadline,
    endpoint: &str,
    challenge: &str,
) -> Result<ResourceMetadata, Error> {
    let urls = clients::well_known_urls(endpoint);
    for url in &urls {
        let reply = get(job, deadline, url).await.ok();
        if let Some(metadata) = reply.and_then(|reply| ResourceMetadata::of(url, &reply)) {
            return Ok(metadata);
        }
    }
    let tried: Vec<_> = urls.iter().map(|url| quote(url)).collect();
    let sentence = format!(
        "the endpoint's challenge {} has no `resource_metadata`, and there is no protected-resource metadata at {}; let \
         the server publish it, so that clients know where to get a token",
        job.quote(challenge),
        tried.join(" or ")
    );
    Err(Error::unverified(CODE, sentence))
}

/// Waits until a call without a token is challenged, and returns the challenge.
async fn challenge(job: &Job<'_>, deadline: Deadline, endpoint: &str) -> Result<String, Error> {
    let headers =
        [("accept", "application/json, text/event-stream".to_owned()), ("content-type", "application/json".to_owned())];
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    loop {
        let problem = match ask(job, deadline, "POST", endpoint, &headers, body).await {
            Ok(reply) if reply.status == 401 => {
                return Ok(reply.header("www-authenticate").unwrap_or_default().to_owned());
            }
            Ok(reply) if reply.status == 403 => {
                let sentence = "the endpoint takes signatures and no tokens; set the probe's `Auth` to IAM";
                return Err(Error::unverified(CODE, sentence));
            }
            Ok(reply) if reply.status < 300 => {
                let sentence = "the endpoint answers without credentials; protect it before anybody finds it";
                return Err(Error::unverified(CODE, sentence));
            }
            Ok(reply) if (300..400).contains(&reply.status) => {
                let target = job.quote(reply.header("location").unwrap_or_default());
                let sentence = format!(
                    "the endpoint redirects to {target} (HTTP {}), and MCP clients do not follow; give the final address in \
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
            let sentence = format!("the endpoint does not ask for a token: {problem}");
            return Err(Error::unverified(CODE, sentence));
        }
    }
}

/// Gets a document of the server.
async fn get(job: &Job<'_>, deadline: Deadline, url: &str) -> Result<Reply, NoReply> {
    ask(job, deadline, "GET", url, &[("accept", "application/json".to_owned())], "").await
}

/// Performs one exchange, which ends at the deadline at the latest.
async fn ask(
    job: &Job<'_>,
    deadline: Deadline,
    method: &str,
    url: &str,
    headers: &[(&'static str, String)],
    body: &str,
) -> Result<Reply, NoReply> {
    let destination = Destination::of(url, &job.context.endpoints, &job.context.region);
    let connector = destination.connector(&job.context.connectors);
    let asking = exchange(connector, method, &destination.url, headers, body.as_bytes().to_vec(), TIMEOUT);
    deadline.limit(asking).await.unwrap_or_else(|| Err(NoReply::Silence("no answer in time".to_owned())))
}

/// Returns the URL in `Bearer resource_metadata="<url>", …`.
fn resource_metadata(challenge: &str) -> Option<&str> {
    let (_, rest) = challenge.split_once("resource_metadata=")?;
    let end = rest.strip_prefix('"').map(|rest| rest.split('"').next());
    end.unwrap_or_else(|| rest.split([',', ' ']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_points_to_the_metadata() {
        assert_eq!(resource_metadata(r#"Bearer resource_metadata="https://a/b", scope="x""#), Some("https://a/b"));
        assert_eq!(resource_metadata("Bearer resource_metadata=https://a/b"), Some("https://a/b"));
        assert_eq!(resource_metadata("Bearer"), None);
    }
}

//! Performs the strongest check without credentials: the server asks for a token, and for one of the right issuer (MCP
//! authorization, RFC 9728).

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::code::Code;
use crate::error::Error;
use crate::http::{NoReply, Reply, exchange};
use crate::job::Job;
use crate::json::{self, texts};
use crate::mcp::url::Destination;
use crate::oauth::{self, Discovery};
use crate::ssrf::ssrf_objection;
use crate::text::quote;
use crate::wait::Deadline;

const TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(5);
const CODE: Code = Code::Unauthorized;

/// Checks the challenge and returns the sentence for the result's `Detail`.
pub(super) async fn check(
    job: &Job<'_>,
    deadline: Deadline,
    endpoint: &str,
    discovery: Option<&Discovery>,
) -> Result<String, Error> {
    let metadata_url = challenge(job, deadline, endpoint).await?;
    if let Some(objection) = ssrf_objection(&metadata_url) {
        let sentence = format!(
            "the endpoint's challenge points to {}, which {objection}, so that it was not followed; make the server name its \
             public https address",
            quote(&metadata_url)
        );
        return Err(Error::unverified(CODE, sentence));
    }
    let accept = [("accept", "application/json".to_owned())];
    let reply = ask(job, deadline, "GET", &metadata_url, &accept, "").await.map_err(|problem| {
        let sentence = format!("the protected-resource metadata {} cannot be read: {problem}", quote(&metadata_url));
        Error::unverified(CODE, sentence)
    })?;
    let document: Option<Document<'_>> = json::object(&reply.body);
    let servers = document.and_then(|document| texts(document.authorization_servers)).unwrap_or_default();
    if reply.status != 200 || servers.is_empty() {
        let sentence = format!(
            "the protected-resource metadata {} names no `authorization_servers` (HTTP {})",
            quote(&metadata_url),
            reply.status
        );
        return Err(Error::unverified(CODE, sentence));
    }
    let mut doubt = String::new();
    if let Some(discovery) = discovery {
        let metadata = oauth::discover(job.context, job.deadline, discovery).await?;
        doubt = metadata.signing_doubt().map(|doubt| format!("; {doubt}")).unwrap_or_default();
        let issuer = metadata.issuer;
        if !servers.iter().any(|server| server.trim_end_matches('/') == issuer.trim_end_matches('/')) {
            let sentence = format!(
                "the endpoint sends its callers to {} and {} names {}; make them the same IdP",
                servers.join(", "),
                discovery.given_by,
                quote(&issuer)
            );
            return Err(Error::unverified(Code::ClaimMismatch, sentence));
        }
    }
    Ok(format!(
        "the endpoint asks for a token of {}; no tool was listed, because no client was given{doubt}",
        servers.join(", ")
    ))
}

/// The members that are read of protected-resource metadata (RFC 9728, section 2).
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    authorization_servers: Option<&'a RawValue>,
}

/// Waits until a call without a token is challenged, and returns the URL that the challenge names.
async fn challenge(job: &Job<'_>, deadline: Deadline, endpoint: &str) -> Result<String, Error> {
    let headers =
        [("accept", "application/json, text/event-stream".to_owned()), ("content-type", "application/json".to_owned())];
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    loop {
        let problem = match ask(job, deadline, "POST", endpoint, &headers, body).await {
            Ok(reply) if reply.status == 401 => {
                let challenge = reply.header("www-authenticate").unwrap_or_default();
                return resource_metadata(challenge).map(str::to_owned).ok_or_else(|| {
                    let sentence =
                        format!("the endpoint's challenge {} has no `resource_metadata`", job.quote(challenge));
                    Error::unverified(CODE, sentence)
                });
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

/// Performs one exchange, which ends at the deadline at the latest.
async fn ask(
    job: &Job<'_>,
    deadline: Deadline,
    method: &str,
    url: &str,
    headers: &[(&'static str, String)],
    body: &str,
) -> Result<Reply, NoReply> {
    let destination = Destination::of(url, &job.context.endpoints);
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

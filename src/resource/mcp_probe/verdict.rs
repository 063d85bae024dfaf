//! What a refused attempt means: worth another one, or final, and in which words.

use std::time::Duration;

use crate::mcp::{Credential, Refusal, Seen};

/// How long a refusal of credentials is taken for a policy or an authorizer that has not propagated yet.
const PROPAGATION: Duration = Duration::from_mins(2);
/// "Runtime initialization time exceeded" is what a slow start looks like, and a crash too: the second time decides.
const COLD_STARTS_MAX: u32 = 2;

/// Who answers at the endpoint, as far as advice depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// A runtime, or a server that is neither.
    Runtime,
    /// A gateway.
    Gateway,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Gateway => "gateway",
        }
    }
}

/// What a refused attempt means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Another attempt may succeed; this is what to say if there is none.
    Retry(&'static str, String),
    /// Another attempt would end the same.
    Final(&'static str, String),
}

impl Verdict {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Retry(code, _) | Self::Final(code, _) => code,
        }
    }

    pub(super) fn sentence(&self) -> &str {
        match self {
            Self::Retry(_, sentence) | Self::Final(_, sentence) => sentence,
        }
    }

    /// Whether the container's log may say why.
    pub(super) fn concerns_container(&self) -> bool {
        matches!(self.code(), "CONTAINER_DID_NOT_START" | "CONTAINER_FAILED" | "NOT_MCP" | "TIMED_OUT")
    }
}

/// Sorts a refusal by what was last seen on the wire. Codes below zero are AgentCore's own (developer guide, MCP
/// protocol contract). `quote` puts the server's words in quotes, if they may be quoted at all.
pub(super) fn judge(
    quote: impl Fn(&str) -> Option<String>,
    refusal: &Refusal,
    credential: &Credential,
    peer: Peer,
    waited: Duration,
    cold_starts: &mut u32,
) -> Verdict {
    let Some(seen) = &refusal.seen else {
        return Verdict::Retry("UNREACHABLE", format!("the server cannot be reached: {}", refusal.problem));
    };
    let told = |words: &str| quote(words).map(|words| format!(": {words}")).unwrap_or_default();
    let said = if seen.text.is_empty() { String::new() } else { told(&seen.text) };
    if let Some(excess) = refusal.excess.filter(|_| seen.may_be_mcp()) {
        return Verdict::Final("CATALOGUE_TOO_LARGE", format!("the server {excess}"));
    }
    match (seen.status, seen.rpc_code) {
        (424, _) => {
            *cold_starts += 1;
            let sentence = "container did not start".to_owned();
            if *cold_starts < COLD_STARTS_MAX {
                Verdict::Retry("CONTAINER_DID_NOT_START", sentence)
            } else {
                Verdict::Final("CONTAINER_DID_NOT_START", sentence)
            }
        }
        (_, Some(-32_010)) => {
            *cold_starts += 1;
            let sentence = format!("the container failed{said}");
            if *cold_starts < COLD_STARTS_MAX {
                Verdict::Retry("CONTAINER_FAILED", sentence)
            } else {
                Verdict::Final("CONTAINER_FAILED", sentence)
            }
        }
        (429, _) | (_, Some(-32_003)) => {
            Verdict::Retry("THROTTLED", format!("AgentCore throttled every attempt{said}; try again later"))
        }
        (_, Some(-32_005)) | (409, _) => {
            let what = if peer == Peer::Gateway { "gateway" } else { "session" };
            Verdict::Retry("BUSY", format!("the {what} stayed busy{said}; try again later"))
        }
        (401 | 403, _) | (_, Some(-32_001 | -32_002)) => unauthorized(seen, &said, credential, peer, waited),
        (404, None) | (_, Some(-32_004)) => {
            let sentence = format!("there is nothing at the endpoint{said}; check `Endpoint`");
            if waited < PROPAGATION {
                Verdict::Retry("NOT_FOUND", sentence)
            } else {
                Verdict::Final("NOT_FOUND", sentence)
            }
        }
        (406, _) | (_, Some(-32_011)) => {
            Verdict::Final("NOT_MCP", format!("the server wants other content types than MCP's{said}"))
        }
        (500.., _) | (_, Some(-32_603)) => {
            let advice = match peer {
                // "An internal error occurred" is all that a gateway tells otherwise.
                Peer::Gateway => "; set the gateway's `ExceptionLevel` to DEBUG to be told more",
                Peer::Runtime => "",
            };
            Verdict::Retry("SERVER_ERROR", format!("the server kept failing (HTTP {}){said}{advice}", seen.status))
        }
        (200..300, None) if !seen.may_be_mcp() => {
            let kind = if seen.content_type.is_empty() { "no content type" } else { &seen.content_type };
            let advice = "check that the image is an MCP server with streamable HTTP at /mcp on port 8000";
            Verdict::Final("NOT_MCP", format!("the server answers with {kind} and not with MCP{said}; {advice}"))
        }
        (_, Some(code)) => Verdict::Final("MCP_ERROR", format!("the server refuses with MCP error {code}{said}")),
        (200..300, None) if refusal.problem.starts_with("no answer") => {
            Verdict::Retry("TIMED_OUT", format!("the server began to answer and stopped: {}", refusal.problem))
        }
        _ => Verdict::Final(
            "NOT_MCP",
            format!("the server does not speak MCP (HTTP {}){said}{}", seen.status, told(&refusal.problem)),
        ),
    }
}

fn unauthorized(seen: &Seen, said: &str, credential: &Credential, peer: Peer, waited: Duration) -> Verdict {
    let name = peer.name();
    let challenge = seen.www_authenticate.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
    let mismatch = seen.text.contains("uthorization method mismatch");
    let advice = match credential {
        Credential::SigV4 if mismatch || seen.www_authenticate.is_some() => {
            format!("the {name} takes tokens: set the probe's `Auth` to BEARER or ANONYMOUS")
        }
        Credential::SigV4 => match peer {
            Peer::Runtime => {
                "allow the function's role bedrock-agentcore:InvokeAgentRuntime on the runtime and on its \
                              runtime-endpoint"
                    .to_owned()
            }
            Peer::Gateway => "allow the function's role bedrock-agentcore:InvokeGateway on the gateway".to_owned(),
        },
        _ if mismatch => format!("the {name} takes signatures: set the probe's `Auth` to IAM"),
        Credential::Bearer(_) | Credential::Nothing => format!(
            "compare the token's claims with the {name}'s `AllowedAudience`, `AllowedClients` and `AllowedScopes`"
        ),
    };
    let sentence =
        format!("the endpoint refused the probe's credentials (HTTP {}){said}{challenge}; {advice}", seen.status);
    // A mismatch of methods is a matter of configuration, not of time.
    if waited < PROPAGATION && !mismatch {
        Verdict::Retry("UNAUTHORIZED", sentence)
    } else {
        Verdict::Final("UNAUTHORIZED", sentence)
    }
}

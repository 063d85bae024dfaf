//! Decides the meaning of a refused attempt: worth another one, or final, and in which words.

use std::time::Duration;

use crate::code::Code;
use crate::denial::{Denial, Policy};
use crate::mcp::url::Place;
use crate::mcp::{Credential, Failure, LastResponse, PlatformRefusal, Refusal};
use crate::text::quote as quoted;

/// The time for which a refusal of credentials is treated as a policy or an authorizer that has not propagated yet.
const PROPAGATION: Duration = Duration::from_mins(2);
/// The maximum number of cold starts. "Runtime initialization time exceeded" may come from a slow start or from a
/// crash: the second time decides.
const COLD_STARTS_MAX: u32 = 2;

/// The meaning of a refused attempt: a code, and a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Another attempt may succeed. This is the finding if no attempt is left.
    Retry(Code, String),
    /// Another attempt would end in the same way.
    Final(Code, String),
}

impl Verdict {
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Retry(code, _) | Self::Final(code, _) => *code,
        }
    }

    pub(super) fn sentence(&self) -> &str {
        match self {
            Self::Retry(_, sentence) | Self::Final(_, sentence) => sentence,
        }
    }

    /// Returns true if the container's log may say why.
    pub(super) fn concerns_container(&self) -> bool {
        self.is_of_start()
            || matches!(
                self.code(),
                Code::NotMcp
                    | Code::TimedOut
                    | Code::ServerRefused
                    | Code::ServerError
                    | Code::RevisionRefused
                    | Code::McpError
                    | Code::ToolFailed
            )
    }

    /// Returns true if the container did not start to serve, and so has written nothing for a while.
    pub(super) fn is_of_start(&self) -> bool {
        matches!(self.code(), Code::ContainerDidNotStart | Code::ContainerFailed)
    }
}

/// A refused attempt and its circumstances.
pub(super) struct Attempt<'a> {
    pub(super) refusal: &'a Refusal,
    /// The tool whose call was refused, if the tools were listed before.
    pub(super) called: Option<&'a str>,
    pub(super) credential: &'a Credential,
    pub(super) place: Place,
    /// The time since the first attempt.
    pub(super) waited: Duration,
}

impl Attempt<'_> {
    /// Decides by the last answer on the wire. `quote` quotes the server's message, if it may be quoted at all.
    /// `cold_starts` counts the attempts in which the container did not start.
    pub(super) fn judge(&self, quote: impl Fn(&str) -> Option<String>, cold_starts: &mut u32) -> Verdict {
        let Refusal { problem, excess, tried, .. } = self.refusal;
        let Some(seen) = &self.refusal.seen else {
            if !self.refusal.transient {
                let sentence = format!(
                    "the server is not called: {problem}; give an address in `Endpoint` that AgentCore \
                                        and its clients reach, too"
                );
                return Verdict::Final(Code::Unreachable, sentence);
            }
            if let Some(tool) = self.called {
                let sentence = format!("the server does not answer the call of tool {}: {problem}", quoted(tool));
                return Verdict::Retry(Code::TimedOut, sentence);
            }
            if !tried.is_empty() {
                return Verdict::Retry(Code::TimedOut, format!("the server stopped answering: {problem}"));
            }
            return Verdict::Retry(Code::Unreachable, format!("the server cannot be reached: {problem}"));
        };
        if let (Some(_), Some(tool)) = (excess, self.called) {
            let sentence = format!(
                "the tool {} answers with more than the probe reads; narrow its answer by `CallArguments`, or name another \
                 one in `CallTool`",
                quoted(tool)
            );
            return Verdict::Final(Code::ToolFailed, sentence);
        }
        if let Some(excess) = excess.filter(|_| seen.may_be_mcp()) {
            return Verdict::Final(Code::CatalogueTooLarge, format!("the server {excess}"));
        }
        let said = Some(&seen.text).filter(|text| !text.is_empty()).and_then(|text| quote(text));
        let said = said.map(|words| format!(": {words}")).unwrap_or_default();
        match seen.platform_refusal(self.place).or_else(|| self.probable_refusal(seen)) {
            Some(PlatformRefusal::NotStarted) => {
                not_started(Code::ContainerDidNotStart, cold_starts, "container did not start".to_owned())
            }
            Some(refusal) => self.of_platform(refusal, seen, &said, quote),
            None => self.of_server(seen, &said, quote, cold_starts),
        }
    }

    /// Returns the probable subject of a refusal by AgentCore, if only a code of its own tells so. A server's own
    /// errors would have its own HTTP status, or -32010.
    fn probable_refusal(&self, seen: &LastResponse) -> Option<PlatformRefusal> {
        let on_platform = self.place == Place::Runtime && seen.container_status().is_none();
        // Once a revision is agreed on, these codes are the server's: SDKs use them for time-outs and for missing
        // things.
        let of_server = |code: i64| self.refusal.accepted && [-32_001, -32_002, -32_004].contains(&code);
        let own_code = seen.rpc_code.is_some_and(|code| (-32_005..=-32_001).contains(&code) && !of_server(code));
        let exceeded = matches!(seen.status, 402 | 429);
        seen.of_codes().filter(|_| on_platform && ((seen.status == 200 && own_code) || exceeded))
    }

    fn of_platform(
        &self,
        refusal: PlatformRefusal,
        seen: &LastResponse,
        said: &str,
        quote: impl Fn(&str) -> Option<String>,
    ) -> Verdict {
        let what = if self.place == Place::Gateway { "gateway" } else { "session" };
        match refusal {
            PlatformRefusal::Denied => self.denied(seen, said, quote),
            PlatformRefusal::NotStarted | PlatformRefusal::Other => {
                let name = seen.error_type.as_deref().and_then(quote).map(|it| format!(" {it}")).unwrap_or_default();
                let sentence = |does: &str| format!("AgentCore itself {does}{name} (HTTP {}){said}", seen.status);
                if seen.status < 500 {
                    Verdict::Final(Code::PlatformRefused, sentence("refuses the probe's request with the error"))
                } else {
                    Verdict::Retry(Code::PlatformFailed, sentence("kept failing with the error"))
                }
            }
            PlatformRefusal::Throttled => {
                Verdict::Retry(Code::Throttled, format!("AgentCore throttled every attempt{said}; try again later"))
            }
            PlatformRefusal::QuotaExceeded => Verdict::Retry(
                Code::QuotaExceeded,
                format!(
                    "AgentCore starts no further session, because a quota of the account is used up{said}; end sessions \
                     that nobody needs, or ask for a higher quota in Service Quotas"
                ),
            ),
            PlatformRefusal::Busy => {
                Verdict::Retry(Code::Busy, format!("the {what} stayed busy{said}; try again later"))
            }
            PlatformRefusal::NotFound => {
                let sentence = format!("the endpoint does not exist{said}; check `Endpoint`");
                self.until_propagated(Code::NotFound, sentence)
            }
        }
    }

    fn until_propagated(&self, code: Code, sentence: String) -> Verdict {
        if self.waited < PROPAGATION { Verdict::Retry(code, sentence) } else { Verdict::Final(code, sentence) }
    }

    fn denied(&self, seen: &LastResponse, said: &str, quote: impl Fn(&str) -> Option<String>) -> Verdict {
        let name = if self.place == Place::Gateway { "gateway" } else { "runtime" };
        let denial = Denial::read(&seen.text);
        // The role's own policies may be seconds old, and a Deny statement in them may have been removed a moment ago.
        let is_final = denial.is_final() && denial.policy != Policy::Identity;
        let challenge = challenge(seen, &quote);
        let mismatch = seen.text.contains("uthorization method mismatch");
        let advice = match self.credential {
            Credential::SigV4 if mismatch || seen.www_authenticate.is_some() => {
                format!("the {name} takes tokens: set the probe's `Auth` to BEARER or ANONYMOUS")
            }
            Credential::SigV4 if is_final || denial.policy == Policy::Resource => denial.advice().to_owned(),
            Credential::SigV4 => match self.place {
                Place::Gateway => "allow the function's role bedrock-agentcore:InvokeGateway on the gateway".to_owned(),
                Place::Runtime | Place::Elsewhere => {
                    "allow the function's role bedrock-agentcore:InvokeAgentRuntime on \
                                                      the runtime and on its runtime-endpoint"
                        .to_owned()
                }
            },
            _ if mismatch => format!("the {name} takes signatures: set the probe's `Auth` to IAM"),
            Credential::Bearer(_) | Credential::Nothing => format!(
                "compare the token's claims with the {name}'s `AllowedAudience`, `AllowedClients` and `AllowedScopes`"
            ),
        };
        let status = seen.status;
        let sentence = format!("AgentCore refused the probe's credentials (HTTP {status}){said}{challenge}; {advice}");
        // A mismatch of methods is a fault of the configuration, and another policy is changed by its author only.
        if mismatch || is_final {
            return Verdict::Final(Code::Unauthorized, sentence);
        }
        self.until_propagated(Code::Unauthorized, sentence)
    }

    /// Decides about a refusal by the server itself.
    fn of_server(
        &self,
        seen: &LastResponse,
        said: &str,
        quote: impl Fn(&str) -> Option<String>,
        cold_starts: &mut u32,
    ) -> Verdict {
        if self.refusal.transient {
            let problem = &self.refusal.problem;
            return Verdict::Retry(
                Code::TimedOut,
                format!("the server stopped in the middle of its answer: {problem}"),
            );
        }
        let (status, tried) = (seen.server_status(), self.tried());
        // An error inside of a call is not one of the server.
        let of_call = matches!(status, 200..300 | 400 | 404) && seen.rpc_code.is_some_and(|code| code != -32_010);
        if self.called.is_some() && of_call {
            return self.of_revisions(seen, said);
        }
        match (status, seen.rpc_code) {
            (401 | 403, _) => self.of_refusing_server(seen, said, quote),
            (300..=399, _) => of_redirect(seen, said, quote),
            (421, _) => Verdict::Final(
                Code::ServerRefused,
                format!(
                    "the server refuses the host name that it is called by (HTTP 421){said}; let it allow every host, \
                     or turn its check of the Host header off: AgentCore decides who may call it"
                ),
            ),
            (429, _) => Verdict::Retry(Code::Throttled, format!("the server itself throttled every attempt{said}")),
            (404, _) if !self.refusal.accepted => Verdict::Final(
                Code::NotFound,
                format!(
                    "the server has nothing at the path that it is called at (HTTP 404{tried}){said}; let it serve \
                     streamable HTTP at /mcp"
                ),
            ),
            (406, _) | (_, Some(-32_011)) => Verdict::Final(
                Code::NotMcp,
                format!("the server requires a content type that MCP does not use (HTTP {status}{tried}){said}"),
            ),
            (500.., _) | (_, Some(-32_603)) if status != 424 => {
                // Without that level, a gateway says only "An internal error occurred".
                let debug = "; set the gateway's `ExceptionLevel` to DEBUG for details";
                let advice = if self.place == Place::Gateway { debug } else { "" };
                Verdict::Retry(Code::ServerError, format!("the server kept failing (HTTP {status}){said}{advice}"))
            }
            (424, _) | (_, Some(-32_010)) if seen.container_status().is_none() => {
                not_started(Code::ContainerFailed, cold_starts, format!("the container failed{said}"))
            }
            (200..300, None) if !seen.may_be_mcp() => of_other_content(seen, said, quote),
            _ => self.of_revisions(seen, said),
        }
    }

    /// Decides about credentials that the server itself refuses.
    fn of_refusing_server(&self, seen: &LastResponse, said: &str, quote: impl Fn(&str) -> Option<String>) -> Verdict {
        let (status, challenge) = (seen.server_status(), challenge(seen, quote));
        let advice = match (self.place, self.credential) {
            (Place::Elsewhere, Credential::Bearer(_)) => "check that it takes the probe's token",
            _ => {
                "AgentCore let the probe through, so check the server's credentials for its upstream API, and those it \
                 asks of its callers (`SecretHeaders`)"
            }
        };
        let sentence = format!("the server itself refused the probe (HTTP {status}){said}{challenge}; {advice}");
        Verdict::Final(Code::ServerRefused, sentence)
    }

    /// Decides about a refusal of an unusual kind.
    fn of_revisions(&self, seen: &LastResponse, said: &str) -> Verdict {
        let Refusal { problem, accepted, tried, .. } = self.refusal;
        let status = seen.server_status();
        if *accepted {
            let code = seen.rpc_code.map(|code| format!(", MCP error {code}")).unwrap_or_default();
            let what = if code.is_empty() { format!(", {problem}") } else { code };
            let (code, does) = match self.called {
                None => (Code::McpError, "accepts a session but does not list its tools".to_owned()),
                Some(tool) => {
                    let does = format!("lists its tools but fails the call of {}", quoted(tool));
                    (Code::ToolFailed, does)
                }
            };
            let sentence = format!("the server {does} (HTTP {status}{what}){said}");
            // A server that has forgotten its own session begins a new one.
            let lost = status == 404;
            // AgentCore's own failures have the code of the server's. A gateway lists the tools that it has read before, and
            // may not be allowed yet to call the server.
            // A method or arguments that are refused stay refused.
            let may_pass = match seen.rpc_code {
                Some(-32_602 | -32_601) => false,
                code => self.place == Place::Gateway || code == Some(-32_603),
            };
            let may_pass = lost || (self.called.is_some() && may_pass);
            return if may_pass { self.until_propagated(code, sentence) } else { Verdict::Final(code, sentence) };
        }
        let tried: Vec<_> = tried.iter().map(|it| format!("{} ({})", it.revision, it.how)).collect();
        let sentence = format!(
            "the server refuses every revision of MCP that the probe speaks: {}{said}; take a version of the server with \
             streamable HTTP in one of them",
            tried.join(", ")
        );
        Verdict::Final(Code::RevisionRefused, sentence)
    }

    /// Returns in how many revisions the server was asked, for a sentence about something else.
    fn tried(&self) -> String {
        let revisions: Vec<_> = self.refusal.tried.iter().map(|it| it.revision).collect();
        if revisions.len() < 2 { String::new() } else { format!(", asked in MCP {}", revisions.join(", ")) }
    }
}

/// Returns the verdict on a tool that answered, and not with a success. Another call would end in the same way.
pub(super) fn tool_failed(
    failure: &Failure,
    tool: &str,
    place: Place,
    quote: impl Fn(&str) -> Option<String>,
) -> Verdict {
    let how = match failure {
        Failure::Tool(words) => {
            let said = Some(words).filter(|words| !words.is_empty()).and_then(|words| quote(words));
            format!("failed{}", said.map(|words| format!(": {words}")).unwrap_or_default())
        }
        Failure::Result(problem) => (*problem).to_owned(),
        Failure::List(_) | Failure::Call(_) => "was not called".to_owned(),
    };
    let debug =
        if place == Place::Gateway { ", and set the gateway's `ExceptionLevel` to DEBUG for details" } else { "" };
    let sentence = format!(
        "the tool {} {how}; check the server's credentials for its upstream API, and `CallArguments`{debug}",
        quoted(tool)
    );
    Verdict::Final(Code::ToolFailed, sentence)
}

/// Returns the challenge of a refusal in brackets, if there is one that may be quoted.
fn challenge(seen: &LastResponse, quote: impl Fn(&str) -> Option<String>) -> String {
    let challenge = seen.www_authenticate.as_deref().and_then(quote);
    challenge.map(|it| format!(" ({it})")).unwrap_or_default()
}

/// Decides about a redirect, which MCP clients do not follow.
fn of_redirect(seen: &LastResponse, said: &str, quote: impl Fn(&str) -> Option<String>) -> Verdict {
    let (status, target) = (seen.server_status(), seen.location.as_deref().and_then(quote));
    let target = target.map(|target| format!(" to {target}")).unwrap_or_default();
    let sentence = format!(
        "the server redirects{target} (HTTP {status}){said}, which MCP clients do not follow; configure the server to \
         answer at this exact path, with or without the trailing slash"
    );
    Verdict::Final(Code::Redirected, sentence)
}

/// Decides about an answer of a content type that MCP does not use.
fn of_other_content(seen: &LastResponse, said: &str, quote: impl Fn(&str) -> Option<String>) -> Verdict {
    let kind = match quote(&seen.content_type) {
        _ if seen.content_type.is_empty() => "no content type".to_owned(),
        kind => kind.unwrap_or_else(|| "another content type".to_owned()),
    };
    let advice = "check that the image is an MCP server with streamable HTTP at /mcp on port 8000";
    Verdict::Final(Code::NotMcp, format!("the server answers with {kind} and not with MCP{said}; {advice}"))
}

fn not_started(code: Code, cold_starts: &mut u32, sentence: String) -> Verdict {
    *cold_starts += 1;
    if *cold_starts < COLD_STARTS_MAX { Verdict::Retry(code, sentence) } else { Verdict::Final(code, sentence) }
}

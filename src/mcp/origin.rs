//! Decides where a refusal comes from: AgentCore, which stands before the server, or the server itself. Only evidence
//! tells, because the platform answers in the server's place, and servers use the platform's codes for things of their
//! own.

use std::ops::RangeInclusive;

use super::answer::LastResponse;
use super::url::Place;

/// The subject of a refusal by AgentCore itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlatformRefusal {
    /// The caller is not allowed to call.
    Denied,
    /// There are too many calls.
    Throttled,
    /// A quota of the account is used up.
    QuotaExceeded,
    /// The runtime, endpoint or gateway does not exist.
    NotFound,
    /// It is busy with something that ends.
    Busy,
    /// The container does not serve in the time that it has.
    NotStarted,
    /// Something else, which the error's name and words say.
    Other,
}

use PlatformRefusal::{Busy, Denied, NotFound, NotStarted, Other, QuotaExceeded, Throttled};

/// Words of AgentCore's that no server has for itself, in lower case (developer guide, runtime troubleshooting, and
/// GitHub: aws/agentcore-cli#714, aws/bedrock-agentcore-sdk-python#599).
const WORDS: [(&str, PlatformRefusal); 12] = [
    ("is not authorized to perform: bedrock-agentcore:invoke", Denied),
    ("authorization method mismatch", Denied),
    ("missing authentication token", Denied),
    ("security token included in the request", Denied),
    ("request signature we calculated", Denied),
    ("signature expired", Denied),
    ("rate exceeded", Throttled),
    ("service quota", QuotaExceeded),
    ("no endpoint or agent found", NotFound),
    ("session operation in progress", Busy),
    ("cannot be invoked while it is", Busy),
    ("runtime initialization time exceeded", NotStarted),
];
/// AgentCore's own JSON-RPC codes (developer guide, MCP protocol contract).
const CODES: RangeInclusive<i64> = -32_011..=-32_001;
/// AWS's name of an error of the container, not of AgentCore.
const OF_CONTAINER: &str = "RuntimeClientError";
/// AgentCore's message for a container's own refusal.
const RECEIVED: &str = "Received error (";

impl LastResponse {
    /// Returns the subject of a refusal, if it certainly comes from AgentCore itself.
    pub(crate) fn platform_refusal(&self, place: Place) -> Option<PlatformRefusal> {
        if place == Place::Elsewhere || self.container_status().is_some() {
            return None;
        }
        let text = self.text.to_ascii_lowercase();
        let of_words = WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, refusal)| *refusal);
        if let Some(error_type) = self.error_type.as_deref() {
            return of_words.filter(|it| *it == NotStarted).or_else(|| self.of_error_type(error_type));
        }
        let is_certain = place == Place::Gateway || self.challenge_is_agentcores();
        of_words
            .filter(|_| self.may_be_agentcores_words())
            .or_else(|| self.of_codes().filter(|it| is_certain && *it != NotStarted))
    }

    /// Returns the HTTP status with which the container refused, if the platform passes on no more of it.
    pub(crate) fn container_status(&self) -> Option<u16> {
        let (_, rest) = self.text.split_once(RECEIVED)?;
        rest.split(')').next()?.trim().parse().ok()
    }

    /// Returns the HTTP status with which the server refused, whatever status the platform put in its place.
    pub(crate) fn server_status(&self) -> u16 {
        self.container_status().unwrap_or(self.status)
    }

    fn of_error_type(&self, error_type: &str) -> Option<PlatformRefusal> {
        let named = |words: &[&str]| words.iter().any(|word| error_type.contains(word));
        match self.status {
            _ if named(&["ServiceQuotaExceeded"]) => Some(QuotaExceeded),
            _ if named(&["Throttl", "TooManyRequests"]) => Some(Throttled),
            _ if named(&["Conflict"]) => Some(Busy),
            _ if named(&["ResourceNotFound"]) => Some(NotFound),
            _ if named(&["AccessDenied", "Unauthorized"]) => Some(Denied),
            // Signatures and tokens are refused under many names.
            401 | 403 => Some(Denied),
            _ if error_type == OF_CONTAINER => None,
            _ => Some(Other),
        }
    }

    /// Returns true if the words of an answer without AWS's name of an error may be AgentCore's: a server has the same
    /// words for what AWS refuses to itself, as an error of its own.
    fn may_be_agentcores_words(&self) -> bool {
        self.rpc_code.map_or(self.status >= 400, |code| CODES.contains(&code))
    }

    /// Returns the meaning of status and code, if they come from AgentCore (developer guide, MCP protocol contract).
    pub(crate) fn of_codes(&self) -> Option<PlatformRefusal> {
        match (self.status, self.rpc_code) {
            // One code for both, told apart by AWS's few words for throttling.
            (402, _) => Some(QuotaExceeded),
            (429, _) => Some(Throttled),
            (_, Some(-32_003)) => {
                let text = self.text.to_ascii_lowercase();
                let throttled =
                    text.is_empty() || ["rate", "throttl", "too many requests"].iter().any(|it| text.contains(it));
                Some(if throttled { Throttled } else { QuotaExceeded })
            }
            (409, _) | (_, Some(-32_005)) => Some(Busy),
            (401 | 403, _) | (_, Some(-32_001 | -32_002)) => Some(Denied),
            (404, None) | (_, Some(-32_004)) => Some(NotFound),
            (424, _) | (_, Some(-32_010)) => Some(NotStarted),
            _ => None,
        }
    }

    /// Returns true if the protected resource of the challenge is an invocation URL, which only AgentCore writes.
    fn challenge_is_agentcores(&self) -> bool {
        let challenge = self.www_authenticate.as_deref().unwrap_or_default();
        challenge.contains("/invocations/.well-known/oauth-protected-resource")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(status: u16, rpc_code: Option<i64>, error_type: &str, text: &str) -> LastResponse {
        let error_type = Some(error_type.to_owned()).filter(|it| !it.is_empty());
        LastResponse { status, rpc_code, error_type, text: text.to_owned(), ..LastResponse::default() }
    }

    #[test]
    fn agentcores_refusals_are_told_by_evidence() {
        let denied = "User: arn:aws:sts::1:x is not authorized to perform: bedrock-agentcore:InvokeAgentRuntime";
        for (seen, expected) in [
            (seen(403, None, "AccessDeniedException", ""), Some(Denied)),
            (seen(403, None, "", denied), Some(Denied)),
            (seen(200, Some(-32_002), "", denied), Some(Denied)),
            (seen(403, None, "InvalidSignatureException", "x"), Some(Denied)),
            (seen(401, None, "", "invalid API key"), None),
            (seen(403, None, "", "Forbidden"), None),
            (seen(404, Some(-32_001), "", "Session not found"), None),
            (seen(200, Some(-32_001), "", "Session not found"), None),
            (seen(200, Some(-32_002), "", "Server not initialized"), None),
            (seen(429, None, "ThrottlingException", "x"), Some(Throttled)),
            (seen(200, Some(-32_003), "", "Rate exceeded"), Some(Throttled)),
            (seen(402, None, "ServiceQuotaExceededException", "x"), Some(QuotaExceeded)),
            (seen(404, None, "ResourceNotFoundException", "x"), Some(NotFound)),
            (seen(404, None, "", "Not Found"), None),
            (seen(200, Some(-32_005), "", "Session operation in progress, please retry"), Some(Busy)),
            (seen(424, None, "RuntimeClientError", "Runtime initialization time exceeded. …"), Some(NotStarted)),
            (seen(424, None, "RuntimeClientError", "Received error (403) from runtime. …"), None),
            (seen(200, Some(-32_010), "", "Received error (400) from runtime. …"), None),
            (seen(400, None, "ValidationException", "x"), Some(Other)),
            (seen(424, None, "RuntimeClientError", "x"), None),
            (seen(500, None, "InternalServerException", "x"), Some(Other)),
            (seen(200, Some(-32_603), "", "The security token included in the request is expired"), None),
            (seen(200, Some(-32_603), "", "Rate exceeded"), None),
            (seen(200, Some(-32_000), "", "Signature expired: 20260101T000000Z"), None),
            (seen(200, Some(-32_603), "", "a service quota is used up"), None),
            (seen(403, None, "", "x is not authorized to perform: bedrock-agentcore:GetWorkloadAccessToken"), None),
        ] {
            assert_eq!(seen.platform_refusal(Place::Runtime), expected, "{seen:?}");
            assert_eq!(seen.platform_refusal(Place::Elsewhere), None, "{seen:?}");
        }
        assert_eq!(seen(401, Some(-32_001), "", "x").platform_refusal(Place::Gateway), Some(Denied));
        assert_eq!(seen(400, Some(-32_022), "", "x").platform_refusal(Place::Gateway), None);
        assert_eq!(seen(424, None, "", "Received error (421) from runtime").server_status(), 421);
    }
}

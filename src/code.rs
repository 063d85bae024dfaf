//! The codes of verifications that did not pass: a word for programs, in addition to the sentence for people.

macro_rules! codes {
    ($($name:ident = $word:literal),* $(,)?) => {
        /// The reason why a verification did not pass. docs/reference.md lists the words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is named like its word")]
        pub enum Code {
            $($name),*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns the word: `CONTAINER_DID_NOT_START`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word),*
                }
            }
        }
    };
}

codes! {
    ContainerDidNotStart = "CONTAINER_DID_NOT_START",
    ContainerFailed = "CONTAINER_FAILED",
    TooFewTools = "TOO_FEW_TOOLS",
    ToolsMissing = "TOOLS_MISSING",
    OtherToolCount = "OTHER_TOOL_COUNT",
    ToolFailed = "TOOL_FAILED",
    ToolNotReadOnly = "TOOL_NOT_READ_ONLY",
    TargetNotReady = "TARGET_NOT_READY",
    TargetNotSynchronized = "TARGET_NOT_SYNCHRONIZED",
    NotMcp = "NOT_MCP",
    CatalogueTooLarge = "CATALOGUE_TOO_LARGE",
    McpError = "MCP_ERROR",
    RevisionRefused = "REVISION_REFUSED",
    ServerRefused = "SERVER_REFUSED",
    Redirected = "REDIRECTED",
    ServerError = "SERVER_ERROR",
    PlatformRefused = "PLATFORM_REFUSED",
    PlatformFailed = "PLATFORM_FAILED",
    Unauthorized = "UNAUTHORIZED",
    ClaimMismatch = "CLAIM_MISMATCH",
    ClientRefused = "CLIENT_REFUSED",
    ClientSecretNotTaken = "CLIENT_SECRET_NOT_TAKEN",
    TokenRefused = "TOKEN_REFUSED",
    TokenOpaque = "TOKEN_OPAQUE",
    DiscoveryInvalid = "DISCOVERY_INVALID",
    IdpUnreachable = "IDP_UNREACHABLE",
    Unreachable = "UNREACHABLE",
    NotFound = "NOT_FOUND",
    Throttled = "THROTTLED",
    QuotaExceeded = "QUOTA_EXCEEDED",
    Busy = "BUSY",
    TimedOut = "TIMED_OUT",
}

impl Code {
    /// Returns true if the cause is the server, with its tools and its credentials. Otherwise it is AgentCore, the network, an
    /// identity provider, or the access of the verification.
    pub(crate) fn blames_server(self) -> bool {
        matches!(
            self,
            Self::ContainerDidNotStart
                | Self::ContainerFailed
                | Self::TooFewTools
                | Self::ToolsMissing
                | Self::OtherToolCount
                | Self::ToolFailed
                | Self::ToolNotReadOnly
                | Self::NotMcp
                | Self::CatalogueTooLarge
                | Self::McpError
                | Self::RevisionRefused
                | Self::ServerRefused
                | Self::Redirected
                | Self::ServerError
        )
    }

    /// Returns true if the same verification may pass later, whatever is verified.
    pub(crate) fn may_pass_later(self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::IdpUnreachable
                | Self::PlatformFailed
                | Self::QuotaExceeded
                | Self::Throttled
                | Self::TimedOut
                | Self::Unreachable
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_reference_lists_every_code() {
        let (_, list) = include_str!("../docs/reference.md").split_once("\nCodes: ").unwrap();
        let (list, _) = list.split_once("\n\n").unwrap();
        let documented: BTreeSet<_> = list.split('`').skip(1).step_by(2).collect();
        let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(documented, codes);
    }
}

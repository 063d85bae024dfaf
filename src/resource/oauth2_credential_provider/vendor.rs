//! The vendors that AgentCore knows, and the endpoints that a template may give for each.

/// A vendor of credential providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vendor {
    /// The API's word, `GoogleOauth2`.
    pub word: &'static str,
    /// The family, which decides the member for its configuration.
    pub family: Family,
}

/// Vendors that are configured alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Any IdP, by its discovery document.
    Custom,
    /// Endpoints that AgentCore knows, with a member of their own in the request.
    Known(KnownVendor),
    /// As [`Self::Known`], for one tenant or all.
    Microsoft,
    /// Endpoints that AgentCore knows or is told, with one member for all of them.
    Included,
}

/// The vendors with a member of their own and nothing but a client to configure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownVendor {
    Atlassian,
    Github,
    Google,
    Linkedin,
    Salesforce,
    Slack,
}

/// The vendor that stands for any IdP.
pub(super) const CUSTOM: Vendor = vendor("CustomOauth2", Family::Custom);

/// The values of CredentialProviderVendorType, with the members of Oauth2ProviderConfigInput for the families (API
/// reference, CreateOauth2CredentialProvider).
pub(super) const VENDORS: [Vendor; 25] = [
    CUSTOM,
    vendor("AtlassianOauth2", Family::Known(KnownVendor::Atlassian)),
    vendor("GithubOauth2", Family::Known(KnownVendor::Github)),
    vendor("GoogleOauth2", Family::Known(KnownVendor::Google)),
    vendor("LinkedinOauth2", Family::Known(KnownVendor::Linkedin)),
    vendor("MicrosoftOauth2", Family::Microsoft),
    vendor("SalesforceOauth2", Family::Known(KnownVendor::Salesforce)),
    vendor("SlackOauth2", Family::Known(KnownVendor::Slack)),
    vendor("Auth0Oauth2", Family::Included),
    vendor("CognitoOauth2", Family::Included),
    vendor("CyberArkOauth2", Family::Included),
    vendor("DropboxOauth2", Family::Included),
    vendor("FacebookOauth2", Family::Included),
    vendor("FusionAuthOauth2", Family::Included),
    vendor("HubspotOauth2", Family::Included),
    vendor("NotionOauth2", Family::Included),
    vendor("OktaOauth2", Family::Included),
    vendor("OneLoginOauth2", Family::Included),
    vendor("PingOneOauth2", Family::Included),
    vendor("RedditOauth2", Family::Included),
    vendor("SpotifyOauth2", Family::Included),
    vendor("TwitchOauth2", Family::Included),
    vendor("XOauth2", Family::Included),
    vendor("YandexOauth2", Family::Included),
    vendor("ZoomOauth2", Family::Included),
];

const fn vendor(word: &'static str, family: Family) -> Vendor {
    Vendor { word, family }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_sdk_bedrockagentcorecontrol::types::CredentialProviderVendorType;

    use super::*;

    #[test]
    fn every_vendor_of_the_api_is_known_once() {
        let known: BTreeSet<_> = VENDORS.iter().map(|vendor| vendor.word).collect();
        assert_eq!(known, CredentialProviderVendorType::values().iter().copied().collect());
        assert_eq!(known.len(), VENDORS.len());
    }
}

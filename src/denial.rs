//! Reads AWS's message about a refusal by policy: the kind of policy that refuses, if time can change that, and the remedy.
//!
//! The words are those of "Troubleshoot access denied error messages" (IAM user guide): "… with an explicit deny in a
//! service control policy" and "… because no VPC endpoint policy allows the … action".

/// Kinds of policies that can refuse a call, which differ in who can change them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// A policy of the calling role.
    Identity,
    /// An AWS organization's policy on its accounts.
    ServiceControl,
    /// An AWS organization's policy on its resources.
    ResourceControl,
    /// The permissions boundary of the calling role.
    Boundary,
    /// The policy of the calling role's session.
    Session,
    /// The policy of the resource that is called.
    Resource,
    /// The policy of the VPC endpoint that the call goes through.
    VpcEndpoint,
    /// The trust policy of a role that has to be assumed.
    Trust,
    /// AWS names no kind.
    Unnamed,
}

/// The kinds, by their names in AWS's messages.
const WORDS: [(&str, Policy); 9] = [
    ("identity-based policy", Policy::Identity),
    ("service control policy", Policy::ServiceControl),
    ("resource control policy", Policy::ResourceControl),
    ("permissions boundary", Policy::Boundary),
    ("session policy", Policy::Session),
    ("resource-based policy", Policy::Resource),
    ("vpc endpoint policy", Policy::VpcEndpoint),
    ("role trust policy", Policy::Trust),
    ("assume role policy", Policy::Trust),
];
const EXPLICIT: &str = "explicit deny";
const IMPLICIT: &str = "because no ";

/// A refusal by policy, as far as AWS's message describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    /// The kind of policy that refuses.
    pub policy: Policy,
    /// True if a statement denies the call; otherwise no statement allows it.
    pub explicit: bool,
}

impl Denial {
    /// Reads a refusal's text. A text that does not mention policies counts as a refusal by an unnamed policy without
    /// an explicit deny.
    pub(crate) fn read(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        // The cause ends AWS's sentence. The name of the resource stands before it and may contain the same words.
        let (cause, explicit) = match (text.rfind(EXPLICIT), text.rfind(IMPLICIT)) {
            (Some(at), _) => (&text[at..], true),
            (None, Some(at)) => (&text[at..], false),
            (None, None) => return Self { policy: Policy::Unnamed, explicit: false },
        };
        let first =
            WORDS.iter().filter_map(|(words, policy)| Some((cause.find(words)?, *policy))).min_by_key(|it| it.0);
        Self { policy: first.map_or(Policy::Unnamed, |(_, policy)| policy), explicit }
    }

    /// Returns true if repeating the call is useless. A role's own policy, a resource's policy or a trust policy may be
    /// seconds old and still propagating. A call that one of them does not allow yet may therefore succeed later.
    pub(crate) fn is_final(self) -> bool {
        let may_propagate =
            matches!(self.policy, Policy::Identity | Policy::Resource | Policy::Trust | Policy::Unnamed);
        self.explicit || !may_propagate
    }

    /// Returns [`Self::advice`] for another caller than the function: `the gateway's`.
    pub(crate) fn advice_for(self, whose: &str) -> String {
        self.advice().replace("the function's", whose)
    }

    /// Returns the remedy as the end of a sentence, in which "it" is the call and the caller is the function's role.
    pub(crate) fn advice(self) -> &'static str {
        match (self.policy, self.explicit) {
            (Policy::Identity | Policy::Unnamed, false) => "grant it to the function's role",
            (Policy::Identity, true) => {
                "a policy of the function's role denies it; remove that Deny statement or narrow it"
            }
            (Policy::ServiceControl, _) => {
                "a service control policy of the AWS organization forbids it, which no role of this account can \
                 change; ask the organization's administrators to allow it"
            }
            (Policy::ResourceControl, _) => {
                "a resource control policy of the AWS organization forbids it, which no role of this account can \
                 change; ask the organization's administrators to allow it"
            }
            (Policy::Boundary, false) => {
                "the permissions boundary of the function's role does not allow it; add it to the boundary, or set \
                 another boundary"
            }
            (Policy::Boundary, true) => {
                "the permissions boundary of the function's role denies it; narrow that Deny statement, or set another \
                 boundary"
            }
            (Policy::Session, _) => {
                "the policy of the function's session forbids it; whoever assumes the function's role sets that policy \
                 and has to allow it"
            }
            (Policy::Resource, false) => {
                "allow it in the policy of the resource that AWS names, or ask the resource's owner to do so"
            }
            (Policy::Resource, true) => {
                "the policy of the resource that AWS names denies it; remove that Deny statement, or exclude the \
                 function's role from it"
            }
            (Policy::VpcEndpoint, _) => {
                "the policy of the VPC endpoint that the function's calls go through forbids it; allow it there"
            }
            (Policy::Trust, _) => "allow it in the trust policy of the role that AWS names",
            (Policy::Unnamed, true) => {
                "a Deny statement forbids it; look for it in the organization's service control policies, the \
                 permissions boundary and the policies of the function's role, and the policies of the resource and of \
                 VPC endpoints"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "User: arn:aws:sts::111122223333:assumed-role/function/provisioner is not authorized to perform: \
                        secretsmanager:CreateSecret on resource: arn:aws:secretsmanager:us-east-1:111122223333:secret:x";

    #[test]
    fn the_kind_of_policy_and_whether_time_helps_are_read_from_aws_words() {
        use Policy::{
            Boundary, Identity, Resource, ResourceControl, ServiceControl, Session, Trust, Unnamed, VpcEndpoint,
        };
        let action = "allows the secretsmanager:CreateSecret action";
        for (cause, policy, explicit, is_final) in [
            ("with an explicit deny in a service control policy".to_owned(), ServiceControl, true, true),
            (
                "with an explicit deny in a service control policy: arn:aws:organizations::999999999999:policy/o-a1/\
                 service_control_policy/p-b2"
                    .to_owned(),
                ServiceControl,
                true,
                true,
            ),
            ("with an explicit deny in a resource control policy".to_owned(), ResourceControl, true, true),
            ("with an explicit deny in a permissions boundary".to_owned(), Boundary, true, true),
            ("with an explicit deny in a session policy".to_owned(), Session, true, true),
            ("with an explicit deny in a resource-based policy".to_owned(), Resource, true, true),
            ("with an explicit deny in a VPC endpoint policy".to_owned(), VpcEndpoint, true, true),
            ("with an explicit deny in an identity-based policy".to_owned(), Identity, true, true),
            ("with an explicit deny in a role trust policy".to_owned(), Trust, true, true),
            ("with an explicit deny".to_owned(), Unnamed, true, true),
            (format!("because no service control policy {action}"), ServiceControl, false, true),
            (format!("because no resource control policy {action}"), ResourceControl, false, true),
            (format!("because no permissions boundary {action}"), Boundary, false, true),
            (format!("because no session policy {action}"), Session, false, true),
            (format!("because no VPC endpoint policy {action}"), VpcEndpoint, false, true),
            (format!("because no resource-based policy {action}"), Resource, false, false),
            (format!("because no role trust policy {action}"), Trust, false, false),
            (format!("because no identity-based policy {action}"), Identity, false, false),
            (String::new(), Unnamed, false, false),
        ] {
            let denial = Denial::read(&format!("{CALL} {cause}"));
            assert_eq!(denial, Denial { policy, explicit }, "{cause}");
            assert_eq!(denial.is_final(), is_final, "{cause}");
        }
        assert!(!Denial::read("Access to KMS is not allowed").is_final());
        assert!(!Denial::read("").is_final());
    }

    #[test]
    fn only_a_missing_permission_of_the_role_is_granted_to_the_role() {
        for (words, _) in WORDS {
            for cause in
                [format!("with an {EXPLICIT} in a {words}"), format!("{IMPLICIT}{words} allows the x:Y action")]
            {
                let denial = Denial::read(&format!("{CALL} {cause}"));
                let grants = denial.advice().contains("grant it to the function's role");
                assert_eq!(grants, denial.policy == Policy::Identity && !denial.explicit, "{cause}");
            }
        }
        let boundary = Denial::read("with an explicit deny in a permissions boundary");
        assert!(
            boundary.advice_for("the gateway's").starts_with("the permissions boundary of the gateway's role denies")
        );
        // A resource's name is not a cause.
        let named = format!("{CALL}/vpc-endpoint-policy because no identity-based policy allows the x:Y action");
        assert_eq!(Denial::read(&named), Denial { policy: Policy::Identity, explicit: false });
    }
}

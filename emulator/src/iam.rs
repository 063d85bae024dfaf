//! IAM: roles, their identity-based policies, and the decision if a call is allowed.
//!
//! Only the parts that decide a call are here. Roles come from CloudFormation or from a test; IAM's API is missing.

mod condition;
mod guardrail;
mod pattern;
mod policy;
mod requirement;
mod resource;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use self::guardrail::Guardrails;
use self::policy::Decision;
use crate::ids::alphanumeric;
use crate::service::{ApiError, Principal};
use crate::settings::Settings;

pub use self::guardrail::Guardrail;
pub use self::pattern::matches_arn;
pub(crate) use self::pattern::matches_ignoring_case;
pub use self::requirement::{Context, Requirement};

/// A role, with every policy that is attached to it or embedded in it.
#[derive(Clone, Debug)]
pub struct Role {
    /// `arn:aws:iam::111122223333:role/name`, with the path if it has one.
    pub arn: String,
    /// The name without the path.
    pub name: String,
    /// The time of its creation: services do not see a new role at once.
    pub created: SystemTime,
    /// The trust policy document.
    pub trust: Value,
    /// Identity-based policy documents; managed policies are expanded already.
    pub policies: Vec<Value>,
}

impl Role {
    /// Creates a role of this ARN; its name follows the last slash.
    #[must_use]
    pub fn new(arn: impl Into<String>, created: SystemTime, trust: Value, policies: Vec<Value>) -> Self {
        let arn = arn.into();
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        Self { arn, name, created, trust, policies }
    }

    /// Returns true if the trust policy lets this service principal assume the role under these context values.
    #[must_use]
    pub fn trusts(&self, service: &str, context: &Context) -> bool {
        policy::service_may_assume(&self.trust, service, context)
    }

    /// Returns true if the role's own policies allow an action, without any request context.
    #[must_use]
    pub fn allows(&self, action: &str, resource: &str) -> bool {
        matches!(policy::decide(&self.policies, action, resource, &Context::new()), Decision::Allowed)
    }
}

/// The kind of a principal's own policies in a denial.
const IDENTITY_BASED: &str = "identity-based policy";

/// The kind of policy that denies a call, and how.
struct Denial {
    kind: &'static str,
    decision: Decision,
}

impl Denial {
    /// Returns true if nothing but an allow of the principal's own policies is missing, in whose place one of the
    /// resource's policy does.
    fn is_overruled_by_resource(&self) -> bool {
        self.kind == IDENTITY_BASED && self.decision != Decision::ExplicitDeny
    }
}

/// The account's roles.
#[derive(Clone, Debug)]
pub struct Iam {
    account_id: String,
    region: String,
    partition: String,
    roles: BTreeMap<String, Role>,
    guardrails: Guardrails,
}

impl Iam {
    /// Creates an account without roles.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            account_id: settings.account_id.clone(),
            region: settings.region.clone(),
            partition: settings.partition.clone(),
            roles: BTreeMap::new(),
            guardrails: Guardrails::new(),
        }
    }

    /// Adds a role, or replaces the one with the same ARN.
    pub fn put_role(&mut self, role: Role) {
        self.roles.insert(role.arn.clone(), role);
    }

    /// Removes the role of this name; nothing happens when there is none.
    pub fn delete_role(&mut self, name: &str) {
        self.roles.retain(|_, role| role.name != name);
    }

    /// Limits every role of the account by these documents, instead of those of this kind before; without any, the kind
    /// limits nothing. Statements carry no `Principal`.
    pub fn put_guardrail(&mut self, kind: Guardrail, documents: Vec<Value>) {
        if documents.is_empty() {
            self.guardrails.remove(&kind);
        } else {
            self.guardrails.insert(kind, documents);
        }
    }

    /// Returns the role of this ARN.
    #[must_use]
    pub fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.get(arn)
    }

    /// Returns every role, ordered by ARN.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// Checks every requirement of a call against the caller's policies; the first one that fails is the answer.
    ///
    /// A role that does not exist, or was deleted, is allowed nothing.
    pub(crate) fn authorize(&self, principal: &Principal, requirements: &[Requirement]) -> Result<(), ApiError> {
        if *principal == Principal::Administrator {
            return Ok(());
        }
        for requirement in requirements {
            if let Some(denial) = self.decide(principal, requirement) {
                // These two speak the JSON protocol, where every client error has status 400.
                let speaks_json = |first: &Requirement| {
                    ["secretsmanager:", "logs:"].iter().any(|service| first.action.starts_with(service))
                };
                let json = requirements.first().is_some_and(speaks_json);
                let message = self.denial(principal, requirement, &denial);
                return Err(ApiError::new(if json { 400 } else { 403 }, "AccessDeniedException", message));
            }
        }
        Ok(())
    }

    /// Returns the denial of one requirement, if any: an explicit deny of whatever kind first, then the first kind that
    /// does not allow it, the principal's own policies last. A role that does not exist has none, and a bearer token
    /// neither.
    fn decide(&self, principal: &Principal, requirement: &Requirement) -> Option<Denial> {
        let policies = match principal {
            Principal::Administrator => return None,
            Principal::Role(arn) => self.roles.get(arn).map_or(&[][..], |role| &role.policies),
            Principal::Bearer(_) => &[],
        };
        let context = self.context(principal, requirement);
        let own = policy::decide(policies, &requirement.action, &requirement.resource, &context);
        let by = |(kind, decision): (Guardrail, Decision)| Denial { kind: kind.name(), decision };
        let by_itself = |decision| Denial { kind: IDENTITY_BASED, decision };
        let explicit = |decision: &Decision| *decision == Decision::ExplicitDeny;
        let any = |decision: &Decision| *decision != Decision::Allowed;
        guardrail::denies(&self.guardrails, requirement, &context, explicit)
            .map(by)
            .or_else(|| Some(own.clone()).filter(explicit).map(by_itself))
            .or_else(|| guardrail::denies(&self.guardrails, requirement, &context, any).map(by))
            .or_else(|| Some(own.clone()).filter(any).map(by_itself))
    }

    /// Returns the values of the condition keys that every request has, and of those of the requirement.
    fn context(&self, principal: &Principal, requirement: &Requirement) -> Context {
        let mut context = requirement.context.clone();
        context.insert("aws:RequestedRegion".to_owned(), vec![self.region.clone()]);
        context.insert("aws:SecureTransport".to_owned(), vec!["true".to_owned()]);
        // A function's code is the only caller with a role of Lambda. The function's name is not known here, so that the
        // role's name stands for it.
        let role = if let Principal::Role(arn) = principal { self.roles.get(arn) } else { None };
        let account = Context::from([("aws:SourceAccount".to_owned(), vec![self.account_id.clone()])]);
        if let Some(role) = role.filter(|role| role.trusts("lambda.amazonaws.com", &account)) {
            let (partition, region, account) = (&self.partition, &self.region, &self.account_id);
            let function = format!("arn:{partition}:lambda:{region}:{account}:function:{}", role.name);
            context.insert("lambda:SourceFunctionArn".to_owned(), vec![function]);
        }
        // IAM does not know the principal of a bearer token.
        if !matches!(principal, Principal::Bearer(_)) {
            context.insert("aws:PrincipalArn".to_owned(), vec![self.principal_arn(principal)]);
            context.insert("aws:PrincipalAccount".to_owned(), vec![self.account_id.clone()]);
        }
        context
    }

    /// Returns the ARN of a principal: a role's own, the administrator's invented role's, or the one that a bearer
    /// token gives itself.
    pub(crate) fn principal_arn(&self, principal: &Principal) -> String {
        match principal {
            Principal::Administrator => {
                format!("arn:{}:iam::{}:role/Administrator", self.partition, self.account_id)
            }
            Principal::Role(name) | Principal::Bearer(name) => name.clone(),
        }
    }

    /// Returns the answer to `GetCallerIdentity`.
    pub(crate) fn caller_identity(&self, principal: &Principal) -> Value {
        let id = alphanumeric(&self.principal_arn(principal), 17).to_uppercase();
        let account = &self.account_id;
        json!({"UserId": format!("AROA{id}:emulator"), "Account": account, "Arn": self.session_arn(principal)})
    }

    /// Returns the ARN of the session in which a principal calls.
    pub(crate) fn session_arn(&self, principal: &Principal) -> String {
        let role = self.principal_arn(principal);
        let name = role.rsplit('/').next().unwrap_or_default();
        format!("arn:{}:sts::{}:assumed-role/{name}/emulator", self.partition, self.account_id)
    }

    /// Formats a denial in the words of AWS. A part that the emulator could not evaluate is added, because no real
    /// denial has that cause.
    fn denial(&self, principal: &Principal, requirement: &Requirement, denial: &Denial) -> String {
        let Requirement { action, .. } = requirement;
        let Denial { kind, decision } = denial;
        let mut text = if action == "iam:CreateServiceLinkedRole" {
            // O: aws-samples/generative-ai-use-cases#1327
            "Failed creating service linked role. Please verify that the calling role has sufficient permissions to \
             create a service linked role."
                .to_owned()
        } else if action.starts_with("kms:") {
            "Access to KMS is not allowed".to_owned()
        } else {
            let cause = match decision {
                Decision::ExplicitDeny => {
                    let article = if kind.starts_with('i') { "an" } else { "a" };
                    format!("with an explicit deny in {article} {kind}")
                }
                _ => format!("because no {kind} allows the {action} action"),
            };
            self.not_authorized(principal, requirement, &cause)
        };
        if let Decision::ImplicitDeny { unsupported: Some(what) } = decision {
            text = format!("{text} (the emulator cannot evaluate {what}, so it does not allow)");
        }
        text
    }

    fn not_authorized(&self, principal: &Principal, requirement: &Requirement, cause: &str) -> String {
        let Requirement { action, resource, .. } = requirement;
        let place = if resource == "*" { String::new() } else { format!(" on resource: {resource}") };
        let user = self.session_arn(principal);
        format!("User: {user} is not authorized to perform: {action}{place} {cause}")
    }
}

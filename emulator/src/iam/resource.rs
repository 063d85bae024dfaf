//! Policies of resources: who may do something to one, in addition to what identity-based policies say.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::condition::{Applies, texts};
use super::policy::{Decision, all, decide_by, on_action, on_condition, on_resource, only};
use super::{Context, Iam, Requirement};
use crate::service::{ApiError, Principal};

const ELEMENTS: [&str; 8] =
    ["Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// The cause in a denial by a resource's policy.
const EXPLICIT_DENY: &str = "with an explicit deny in a resource-based policy";

impl Iam {
    /// Checks every requirement of a call on resources some of which have a policy (by ARN). An explicit deny wins,
    /// whoever says it; else one allow is enough, the identity's or the resource's, as within one account.
    pub(crate) fn authorize_on(
        &self,
        principal: &Principal,
        requirements: &[Requirement],
        policies: &BTreeMap<String, Value>,
    ) -> Result<(), ApiError> {
        for requirement in requirements {
            let Some(decision) = self.decision_of_resource(principal, requirement, policies) else {
                self.authorize(principal, std::slice::from_ref(requirement))?;
                continue;
            };
            match decision {
                Decision::ExplicitDeny => return Err(self.refused(principal, requirement, EXPLICIT_DENY)),
                Decision::Allowed => {
                    // The identity's own policies and the account's guardrails may still deny it.
                    if self.decide(principal, requirement).is_some_and(|denial| !denial.is_overruled_by_resource()) {
                        self.authorize(principal, std::slice::from_ref(requirement))?;
                    }
                }
                // A bearer token has no policies of its own that could allow it.
                Decision::ImplicitDeny { .. } if matches!(principal, Principal::Bearer(_)) => {
                    let cause = format!("because no resource-based policy allows the {} action", requirement.action);
                    return Err(self.refused(principal, requirement, &cause));
                }
                Decision::ImplicitDeny { .. } => self.authorize(principal, std::slice::from_ref(requirement))?,
            }
        }
        Ok(())
    }

    /// Refuses a call on a resource whose policy denies it explicitly. An allow of the policy counts for nothing here.
    pub(crate) fn check_not_denied(
        &self,
        principal: &Principal,
        requirements: &[Requirement],
        policies: &BTreeMap<String, Value>,
    ) -> Result<(), ApiError> {
        let denied = |requirement: &&Requirement| {
            self.decision_of_resource(principal, requirement, policies) == Some(Decision::ExplicitDeny)
        };
        let denied = requirements.iter().find(denied);
        denied.map_or(Ok(()), |requirement| Err(self.refused(principal, requirement, EXPLICIT_DENY)))
    }

    /// Returns what the policy of the requirement's resource says. `None` if the resource has no policy.
    fn decision_of_resource(
        &self,
        principal: &Principal,
        requirement: &Requirement,
        policies: &BTreeMap<String, Value>,
    ) -> Option<Decision> {
        let policy = policies.get(&requirement.resource)?;
        let context = self.context(principal, requirement);
        let applies = |statement: &_| self.applies(statement, principal, requirement, &context);
        Some(decide_by(std::slice::from_ref(policy), applies))
    }

    fn refused(&self, principal: &Principal, requirement: &Requirement, cause: &str) -> ApiError {
        ApiError::new(403, "AccessDeniedException", self.not_authorized(principal, requirement, cause))
    }

    fn applies(
        &self,
        statement: &Map<String, Value>,
        principal: &Principal,
        requirement: &Requirement,
        context: &Context,
    ) -> Applies {
        all(&[
            &|| on_action(statement, &requirement.action),
            &|| on_resource(statement, &requirement.resource),
            &|| self.names(statement, principal),
            &|| on_condition(statement, context),
            &|| only(statement, &ELEMENTS),
        ])
    }

    /// Returns true if the principal of a statement is the caller.
    fn names(&self, statement: &Map<String, Value>, caller: &Principal) -> Applies {
        let deny = statement.get("Effect").is_some_and(|effect| effect == "Deny");
        let kinds = match statement.get("Principal") {
            Some(Value::String(everyone)) => return (everyone == "*").into(),
            Some(Value::Object(kinds)) => kinds,
            _ => return Applies::Unknown("a statement without `Principal`".to_owned()),
        };
        let Some(named) = kinds.get("AWS") else { return Applies::No };
        let Some(named) = texts(named) else { return Applies::Unknown("the element `Principal`".to_owned()) };
        let root = format!("arn:{}:iam::{}:root", self.partition, self.account_id);
        let (arn, session) = match caller {
            // IAM does not know a caller with a token.
            Principal::Bearer(_) => return named.iter().any(|name| name == "*").into(),
            _ => (self.principal_arn(caller), self.session_arn(caller)),
        };
        let hit = |name: &Cow<'_, str>| {
            // To allow the account is to leave it to the identity's policies; to deny it is to deny everybody in it.
            let account = deny && (*name == root || *name == self.account_id);
            name == "*" || *name == arn || *name == session || account
        };
        named.iter().any(hit).into()
    }
}

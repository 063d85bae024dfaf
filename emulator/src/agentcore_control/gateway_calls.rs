//! `CreateGateway`, `GetGateway`, `UpdateGateway`, `DeleteGateway`, `ListGateways`.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::errors::{conflict, invalid, quota};
use super::gateway::Gateway;
use super::gateway_configuration::Configuration;
use super::gateway_target::GatewayTarget;
use super::gateway_target_rules::check_sessions;
use super::shelf::{Resource as _, Shelf};
use super::state::{AgentCoreControl, Dependencies};
use super::status::{CREATE, DELETE, Status, Transition, UPDATE};
use super::workload_identity::workload_identity_path;
use super::{execution_role, rules};
use crate::ids::{alphanumeric, uuid};
use crate::input::{required, text_map};
use crate::service::{Answer, ApiError, Call, iso8601};

/// Gateways of one account [DG bedrock-agentcore-limits].
const MAX_GATEWAYS: usize = 1000;

impl AgentCoreControl {
    pub(super) fn create_gateway(&mut self, call: &Call, dependencies: &Dependencies<'_>) -> Answer {
        let configuration = Configuration::of(&call.input);
        configuration.check(dependencies.identity_providers, call.now)?;
        configuration.check_interceptors(dependencies.iam)?;
        let tags = text_map(&call.input, "tags");
        rules::check_tags(&tags)?;
        let name = required(&call.input, "name");
        if self.gateways.iter().any(|gateway| gateway.name.eq_ignore_ascii_case(name)) {
            return Err(conflict(format!("A gateway with the name '{name}' already exists in your account.")));
        }
        if self.gateways.len() >= MAX_GATEWAYS {
            return Err(quota(format!("The account has {MAX_GATEWAYS} gateways already.")));
        }
        let id = self.next_gateway_id(name);
        let arn = self.arn(&format!("gateway/{id}"));
        let role = configuration.text("roleArn").unwrap_or_default();
        execution_role::assumable(role, &arn, dependencies.iam, &self.settings, call.now)?;
        let gateway = Gateway {
            url: format!(
                "https://{id}.gateway.bedrock-agentcore.{}.{}/mcp",
                self.settings.region, self.settings.dns_suffix
            ),
            workload_identity_arn: self.arn(&workload_identity_path(&id)),
            id,
            arn,
            name: name.to_owned(),
            created: call.now,
            updated: call.now,
            tags,
            targets: Shelf::default(),
            configuration,
            transition: Transition::new(CREATE, &call.outcome, call.now, self.settings.gateway_transition),
            sequence: self.next_number(),
        };
        let answer = shown(&gateway, call.now);
        self.gateways.add(gateway);
        Ok(answer)
    }

    pub(super) fn get_gateway(&self, call: &Call) -> Answer {
        Ok(shown(self.find_gateway(&call.input)?, call.now))
    }

    pub(super) fn update_gateway(&mut self, call: &Call, dependencies: &Dependencies<'_>) -> Answer {
        let configuration = Configuration::of(&call.input);
        configuration.check(dependencies.identity_providers, call.now)?;
        configuration.check_interceptors(dependencies.iam)?;
        let gateway = self.find_gateway(&call.input)?;
        let status = gateway.status(call.now);
        if !matches!(status, Status::Ready | Status::UpdateUnsuccessful) {
            return Err(gateway.busy("updated", status));
        }
        if gateway.name != required(&call.input, "name") {
            return Err(invalid("The name of an existing gateway cannot be changed."));
        }
        gateway.configuration.may_become(&configuration)?;
        if configuration.has_sessions() {
            check_sessions(gateway)?;
        }
        let role = configuration.text("roleArn").unwrap_or_default();
        execution_role::assumable(role, &gateway.arn, dependencies.iam, &self.settings, call.now)?;
        let transition = Transition::new(UPDATE, &call.outcome, call.now, self.settings.gateway_transition);
        let gateway = self.find_gateway_mut(&call.input)?;
        let had_engine = gateway.has_policy_engine();
        gateway.configuration = configuration;
        gateway.updated = call.now;
        if gateway.has_policy_engine() && !had_engine {
            gateway.targets.iter_mut().for_each(GatewayTarget::pass_policy_session);
        }
        gateway.transition = transition;
        Ok(shown(gateway, call.now))
    }

    /// Deletes a gateway that has no targets; it never cascades. A deleted target blocks the call for as long as lists
    /// still show it (O: the public Python provisioner of Zscaler's server polls the list and tries again).
    pub(super) fn delete_gateway(&mut self, call: &Call) -> Answer {
        let lag = self.settings.list_lag;
        let in_use = self.gateway_in_use;
        let transition = Transition::new(DELETE, &call.outcome, call.now, self.settings.gateway_deletion);
        let gateway = self.find_gateway_mut(&call.input)?;
        let status = gateway.status(call.now);
        if status.is_transitional() {
            return Err(gateway.busy("deleted", status));
        }
        if !gateway.targets.is_empty() || gateway.targets.lingering(lag, call.now).next().is_some() {
            let message = "Gateway has targets associated with it. Delete all targets before deleting the gateway.";
            return Err(in_use.error(message));
        }
        gateway.transition = transition;
        Ok(json!({"gatewayId": gateway.id, "status": Status::Deleting.as_str()}))
    }

    pub(super) fn list_gateways(&self, call: &Call) -> Answer {
        let entry = |gateway: &Gateway| summary(gateway, call.now);
        self.page(self.gateways.listed(self.settings.list_lag, call.now, entry), "items", &call.input)
    }

    /// Finds the gateway that `gatewayIdentifier` names. Deleted ones were moved away when the call began.
    pub(super) fn find_gateway(&self, input: &Map<String, Value>) -> Result<&Gateway, ApiError> {
        self.gateways.find(required(input, "gatewayIdentifier"))
    }

    pub(super) fn find_gateway_mut(&mut self, input: &Map<String, Value>) -> Result<&mut Gateway, ApiError> {
        self.gateways.find_mut(required(input, "gatewayIdentifier"))
    }

    /// Returns the id that the next gateway gets if it has this name.
    pub(super) fn next_gateway_id(&self, name: &str) -> String {
        let suffix = alphanumeric(&format!("gateway {} {name}", self.numbers), 10);
        format!("{name}-{suffix}").to_lowercase()
    }
}

fn shown(gateway: &Gateway, now: SystemTime) -> Value {
    let mut answer = summary(gateway, now);
    answer["gatewayArn"] = json!(gateway.arn);
    answer["gatewayUrl"] = json!(gateway.url);
    answer["workloadIdentityDetails"] = json!({"workloadIdentityArn": gateway.workload_identity_arn});
    for (member, value) in gateway.configuration.members() {
        answer[member] = value.clone();
    }
    // Shown only: what protects a gateway is attached through AWS WAF.
    if gateway.get("wafConfiguration").is_some() {
        let name = format!("regional/webacl/{}/{}", gateway.name, uuid(&gateway.arn));
        answer["webAclArn"] = json!(
            gateway.arn.replace(":bedrock-agentcore:", ":wafv2:").replace(&format!("gateway/{}", gateway.id), &name)
        );
    }
    if let Some(reason) = gateway.failure(now) {
        answer["statusReasons"] = json!([reason]);
    }
    answer
}

fn summary(gateway: &Gateway, now: SystemTime) -> Value {
    let mut answer = json!({
        "gatewayId": gateway.id,
        "name": gateway.name,
        "status": gateway.status(now).as_str(),
        "createdAt": iso8601(gateway.created),
        "updatedAt": iso8601(gateway.updated),
        "authorizerType": gateway.authorizer_type(),
    });
    for member in ["description", "protocolType"] {
        if let Some(value) = gateway.get(member) {
            answer[member] = value.clone();
        }
    }
    answer
}

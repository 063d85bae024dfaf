//! `CreateGatewayTarget`, `GetGatewayTarget`, `UpdateGatewayTarget`, `DeleteGatewayTarget`, `ListGatewayTargets`,
//! `SynchronizeGatewayTargets`.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use url::Url;

use super::access::GATEWAY_NETWORK;
use super::errors::{conflict, invalid, quota};
use super::gateway::Gateway;
use super::gateway_target::{GatewayTarget, RESERVED_TAG, managed_vpc};
use super::gateway_target_rules::Catalogue;
use super::shelf::Resource as _;
use super::state::{AgentCoreControl, Dependencies};
use super::status::{CREATE, Course, DELETE, SYNCHRONIZE, Status, Transition, UPDATE};
use super::synchronization::Synchronization;
use super::work::Work;
use crate::ids::alphanumeric;
use crate::input::{https_url, required, text, texts};
use crate::service::{Answer, ApiError, Call, Outcome, iso8601};

/// Targets of one gateway [DG bedrock-agentcore-limits].
const MAX_TARGETS: usize = 100;
/// Operations on the targets of one gateway that may be under way at once.
const MAX_OPERATIONS: usize = 5;

/// The group of a private endpoint whose VPC was given without one.
const DEFAULT_SECURITY_GROUP: &str = "sg-0defa017";

/// The members of a create or an update that are not part of a target, and those that are kept apart. Every other one
/// is, also one that no service model has, and an update that leaves it out resets it.
const NOT_MEMBERS: [&str; 5] = ["clientToken", "description", "gatewayIdentifier", "name", "targetId"];

impl AgentCoreControl {
    pub(super) fn create_gateway_target(&mut self, call: &Call, dependencies: &Dependencies<'_>) -> Answer {
        let gateway = self.ready_gateway(call)?;
        // Optional in the model, for other kinds of targets.
        let name = text(&call.input, "name").ok_or_else(|| invalid("name is required for mcpServer targets."))?;
        let members = members_of(&call.input);
        let catalogue = self.check_target(gateway, false, &members, dependencies.objects, call.now)?;
        check_name(gateway, name, None)?;
        if gateway.targets.len() >= MAX_TARGETS {
            return Err(quota(format!("Gateway '{}' has {MAX_TARGETS} targets already.", gateway.id)));
        }
        let gateway_id = gateway.id.clone();
        let has_policy_engine = gateway.has_policy_engine();
        let number = self.next_number();
        let mut target = GatewayTarget {
            id: alphanumeric(&format!("target {number} {gateway_id} {name}"), 10).to_uppercase(),
            name: name.to_owned(),
            description: text(&call.input, "description").map(str::to_owned),
            created: call.now,
            updated: call.now,
            tools: Vec::new(),
            last_synchronized: None,
            synchronization: None,
            members,
            transition: Transition::resting(Status::Creating),
            sequence: number,
        };
        if has_policy_engine {
            target.pass_policy_session();
        }
        let target_id = target.id.clone();
        self.find_gateway_mut(&call.input)?.targets.add(target);
        self.start(call, &target_id, CREATE, catalogue)
    }

    pub(super) fn get_gateway_target(&self, call: &Call) -> Answer {
        let gateway = self.find_gateway(&call.input)?;
        Ok(shown(gateway, gateway.targets.find(required(&call.input, "targetId"))?, call.now))
    }

    pub(super) fn update_gateway_target(&mut self, call: &Call, dependencies: &Dependencies<'_>) -> Answer {
        let gateway = self.ready_gateway(call)?;
        let target = gateway.targets.find(required(&call.input, "targetId"))?;
        check_changeable(target, "updated", call.now)?;
        let members = members_of(&call.input);
        let catalogue = self.check_target(gateway, true, &members, dependencies.objects, call.now)?;
        let name = text(&call.input, "name").unwrap_or(&target.name).to_owned();
        check_name(gateway, &name, Some(&target.id))?;
        let target_id = target.id.clone();
        let target = self.find_gateway_mut(&call.input)?.targets.find_mut(&target_id)?;
        target.name = name;
        target.description = text(&call.input, "description").map(str::to_owned);
        target.members = members;
        target.updated = call.now;
        self.start(call, &target_id, UPDATE, catalogue)
    }

    pub(super) fn delete_gateway_target(&mut self, call: &Call) -> Answer {
        let transition = Transition::new(DELETE, &call.outcome, call.now, self.settings.target_deletion);
        let gateway = self.find_gateway(&call.input)?;
        let status = gateway.status(call.now);
        if status.is_transitional() {
            return Err(gateway.busy("changed", status));
        }
        let target_id = required(&call.input, "targetId");
        let target = gateway.targets.find(target_id)?;
        let status = target.status(call.now);
        if status.is_transitional() || status.is_pending_auth() {
            return Err(target.busy("deleted", status));
        }
        check_operations(gateway, call.now)?;
        let arn = gateway.arn.clone();
        self.find_gateway_mut(&call.input)?.targets.find_mut(target_id)?.transition = transition;
        Ok(json!({"gatewayArn": arn, "targetId": target_id, "status": Status::Deleting.as_str()}))
    }

    pub(super) fn list_gateway_targets(&self, call: &Call) -> Answer {
        let entry = |target: &GatewayTarget| summary(target, call.now);
        let targets = &self.find_gateway(&call.input)?.targets;
        self.page(targets.listed(self.settings.list_lag, call.now, entry), "items", &call.input)
    }

    pub(super) fn synchronize_gateway_targets(&mut self, call: &Call) -> Answer {
        let gateway = self.ready_gateway(call)?;
        let ids = texts(&call.input, "targetIdList");
        // The service model allows exactly one.
        let target = gateway.targets.find(ids.first().map_or("", String::as_str))?;
        check_changeable(target, "synchronized", call.now)?;
        if target.is_dynamic() || target.configuration().get("mcpToolSchema").is_some() {
            return Err(invalid(format!(
                "Target '{}' cannot be synchronized: its catalogue comes from a schema or is listed live.",
                target.id
            )));
        }
        let target_id = target.id.clone();
        let answer = self.start(call, &target_id, SYNCHRONIZE, Catalogue::Read)?;
        Ok(json!({"targets": [answer]}))
    }

    /// Lets an accepted operation begin, and answers with the target.
    fn start(&mut self, call: &Call, target_id: &str, course: Course, catalogue: Catalogue) -> Answer {
        let takes = self.settings.target_transition;
        if managed_vpc(&call.input).is_some() {
            self.service_linked_roles.insert(GATEWAY_NETWORK.service.to_owned());
        }
        let number = self.next_number();
        let target = self.find_gateway_mut(&call.input)?.targets.find_mut(target_id)?;
        target.transition = Transition::new(course, &call.outcome, call.now, takes);
        target.synchronization = None;
        let mut wanted = false;
        match catalogue {
            Catalogue::Given(tools) => target.tools = tools,
            Catalogue::Live => target.tools.clear(),
            Catalogue::Read if call.outcome == Outcome::Normal => {
                target.transition = Transition::new(course, &Outcome::Stuck, call.now, Duration::ZERO);
                target.synchronization = Some(number);
                wanted = true;
            }
            Catalogue::Consent if call.outcome == Outcome::Normal => {
                let create = course == CREATE;
                let status = if create { Status::CreatePendingAuth } else { Status::UpdatePendingAuth };
                target.transition = Transition::resting(status);
            }
            Catalogue::Read | Catalogue::Consent => {}
        }
        let gateway = self.find_gateway(&call.input)?;
        let answer = shown(gateway, gateway.targets.find(target_id)?, call.now);
        if wanted {
            let (gateway_id, target_id) = (gateway.id.clone(), target_id.to_owned());
            let not_before = call.now + takes;
            self.work.push(Work::Synchronize(Synchronization { gateway_id, target_id, ticket: number, not_before }));
        }
        Ok(answer)
    }

    /// Finds the gateway of a call, and checks that its targets may be changed now.
    fn ready_gateway(&self, call: &Call) -> Result<&Gateway, ApiError> {
        let gateway = self.find_gateway(&call.input)?;
        match gateway.status(call.now) {
            Status::Ready => check_operations(gateway, call.now).map(|()| gateway),
            status => Err(gateway.busy("changed", status)),
        }
    }
}

/// Returns the members of the target that a create or an update asks for, with the defaults of an MCP server filled in.
fn members_of(input: &Map<String, Value>) -> Map<String, Value> {
    let mut members: Map<String, Value> = input
        .iter()
        .filter(|(member, _)| !NOT_MEMBERS.contains(&member.as_str()))
        .map(|(member, value)| (member.clone(), value.clone()))
        .collect();
    let server = members.get_mut("targetConfiguration").and_then(|it| it.get_mut("mcp")?.get_mut("mcpServer"));
    if let Some(server) = server.and_then(Value::as_object_mut) {
        server.entry("listingMode").or_insert_with(|| json!("DEFAULT"));
        server.entry("resourcePriority").or_insert_with(|| json!(1000));
    }
    members
}

fn check_name(gateway: &Gateway, name: &str, own: Option<&str>) -> Result<(), ApiError> {
    match gateway.targets.iter().find(|target| target.name == name && Some(target.id.as_str()) != own) {
        Some(_) => Err(conflict(format!("A target with the name '{name}' already exists in '{}'.", gateway.id))),
        None => Ok(()),
    }
}

/// Checks that a target may be changed: one whose creation failed can only be deleted.
fn check_changeable(target: &GatewayTarget, what: &str, now: SystemTime) -> Result<(), ApiError> {
    match target.status(now) {
        Status::Ready | Status::UpdateUnsuccessful | Status::SynchronizeUnsuccessful => Ok(()),
        status => Err(target.busy(what, status)),
    }
}

fn check_operations(gateway: &Gateway, now: SystemTime) -> Result<(), ApiError> {
    let under_way = gateway.targets.iter().filter(|target| target.status(now).is_transitional()).count();
    if under_way >= MAX_OPERATIONS {
        return Err(conflict(format!("Gateway '{}' has {MAX_OPERATIONS} target operations under way.", gateway.id)));
    }
    Ok(())
}

fn shown(gateway: &Gateway, target: &GatewayTarget, now: SystemTime) -> Value {
    let mut answer = common(target, now);
    answer["gatewayArn"] = json!(gateway.arn);
    answer["protocolType"] = json!("MCP");
    // Required in the model, even where there are none.
    answer["credentialProviderConfigurations"] = json!([]);
    for (member, value) in &target.members {
        answer[member] = value.clone();
    }
    // AWS does not document if a Get shows what AgentCore adds to a private endpoint; here it does.
    if let Some(vpc) = answer.pointer_mut("/privateEndpoint/managedVpcResource") {
        if vpc.get("securityGroupIds").is_none() {
            vpc["securityGroupIds"] = json!([DEFAULT_SECURITY_GROUP]);
        }
        vpc["tags"][RESERVED_TAG] = json!("true");
        let url = https_url(target.endpoint());
        answer["privateEndpointManagedResources"] = json!([{"domain": url.as_ref().and_then(Url::host_str)}]);
    }
    if let Some(reason) = target.failure(now) {
        answer["statusReasons"] = json!([reason]);
    }
    answer
}

fn summary(target: &GatewayTarget, now: SystemTime) -> Value {
    let mut answer = common(target, now);
    answer["targetType"] = json!("MCP_SERVER");
    for member in ["listingMode", "resourcePriority"] {
        answer[member] = target.configuration()[member].clone();
    }
    answer
}

fn common(target: &GatewayTarget, now: SystemTime) -> Value {
    let mut answer = json!({
        "targetId": target.id,
        "name": target.name,
        "status": target.status(now).as_str(),
        "createdAt": iso8601(target.created),
        "updatedAt": iso8601(target.updated),
    });
    if let Some(description) = &target.description {
        answer["description"] = json!(description);
    }
    if let Some(time) = target.last_synchronized.filter(|time| *time <= now) {
        answer["lastSynchronizedAt"] = iso8601(time);
    }
    if target.status(now).is_pending_auth() {
        let url = format!("https://bedrock-agentcore.amazonaws.com/identities/oauth2/authorize/{}", target.id);
        answer["authorizationData"] = json!({"oauth2": {"authorizationUrl": url}});
    }
    answer
}

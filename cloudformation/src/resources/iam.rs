//! `AWS::IAM::Role`, `RolePolicy`, `Policy` and `ManagedPolicy`: what they say is what the emulator's IAM enforces.

use std::collections::BTreeMap;
use std::time::SystemTime;

use emulator::aws::Aws;
use emulator::iam::Role;
use serde_json::{Map, Value, json};

use super::place::{Place, PutResult, attributes, name_in};
use crate::intrinsics::{list, text};

/// Characters in a trust policy; IAM's default quota.
const TRUST_POLICY_CHARS_MAX: usize = 2048;
/// Characters in all inline policies of one role.
const INLINE_POLICIES_CHARS_MAX: usize = 10_240;
/// Characters in one managed policy.
const MANAGED_POLICY_CHARS_MAX: usize = 6144;
/// Managed policies attached to one role; IAM's default quota.
const MANAGED_POLICIES_MAX: usize = 10;

#[derive(Default)]
pub(crate) struct IamResources {
    /// By name.
    roles: BTreeMap<String, RoleResource>,
    /// `AWS::IAM::Policy` and `RolePolicy` by physical id.
    policies: BTreeMap<String, Attached>,
    /// `AWS::IAM::ManagedPolicy` by ARN.
    managed: BTreeMap<String, Attached>,
}

struct RoleResource {
    arn: String,
    created: SystemTime,
    trust: Value,
    inline: Vec<Value>,
    managed: Vec<String>,
}

struct Attached {
    document: Value,
    /// Names of the roles it is attached to.
    roles: Vec<String>,
}

impl IamResources {
    pub(super) fn put_role(&mut self, place: &Place<'_>, properties: &Map<String, Value>) -> PutResult {
        let name = &place.name;
        place.refuse_duplicate(self.roles.contains_key(name))?;
        check_name(name, 64)?;
        let trust = properties.get("AssumeRolePolicyDocument").cloned().unwrap_or_default();
        check_document(&trust, true, TRUST_POLICY_CHARS_MAX)?;
        let mut inline = Vec::new();
        let mut chars = self.policy_chars(name, None);
        for policy in properties.get("Policies").map(list).unwrap_or_default() {
            if policy.get("PolicyName").and_then(text).is_none_or(|name| name.is_empty()) {
                return Err("every policy of a role needs a PolicyName".to_owned());
            }
            let document = policy.get("PolicyDocument").cloned().unwrap_or_default();
            check_document(&document, false, INLINE_POLICIES_CHARS_MAX)?;
            chars += document.to_string().len();
            inline.push(document);
        }
        check_inline_chars(name, chars)?;
        let managed: Vec<String> =
            properties.get("ManagedPolicyArns").map(list).unwrap_or_default().iter().filter_map(text).collect();
        check_managed_count(managed.len() + self.attachments(name, ""))?;
        for arn in managed.iter().chain(properties.get("PermissionsBoundary").and_then(text).iter()) {
            self.check_managed(arn)?;
        }
        let path = properties.get("Path").and_then(text).unwrap_or_else(|| "/".to_owned());
        if !path.starts_with('/') || !path.ends_with('/') {
            return Err(format!("The specified value for path is invalid: {path} must begin and end with /"));
        }
        let arn = place.arn("iam", &format!("role{path}{name}"));
        let created = self.roles.get(name).map_or_else(|| place.aws.clock().now(), |known| known.created);
        self.roles.insert(name.clone(), RoleResource { arn: arn.clone(), created, trust, inline, managed });
        self.publish(place.aws);
        let role_id = format!("AROA{}", emulator::ids::alphanumeric(&arn, 17).to_uppercase());
        Ok((name.clone(), attributes(json!({ "Arn": arn, "RoleId": role_id }))))
    }

    pub(super) fn remove_role(&mut self, aws: &Aws, name: &str) -> Result<(), String> {
        let attached = self
            .policies
            .values()
            .chain(self.managed.values())
            .any(|policy| policy.roles.iter().any(|role| role == name));
        if attached {
            return Err("Cannot delete entity, must detach all policies first.".to_owned());
        }
        self.roles.remove(name);
        aws.with(|world| world.iam.delete_role(name));
        Ok(())
    }

    pub(super) fn put_policy(&mut self, place: &Place<'_>, properties: &Map<String, Value>) -> PutResult {
        let attached = self.attached(properties, role_names(properties), INLINE_POLICIES_CHARS_MAX)?;
        if attached.roles.is_empty() && !["Users", "Groups"].iter().any(|key| properties.contains_key(*key)) {
            return Err("At least one of [Groups,Roles,Users] must be non-empty.".to_owned());
        }
        self.embed(place.aws, place.name.clone(), attached)?;
        Ok((place.name.clone(), attributes(json!({ "Id": place.name }))))
    }

    pub(super) fn put_role_policy(&mut self, place: &Place<'_>, properties: &Map<String, Value>) -> PutResult {
        let given = |property: &str| properties.get(property).and_then(text).unwrap_or_default();
        let (name, role) = (given("PolicyName"), given("RoleName"));
        check_name(&name, 128)?;
        let id = format!("{name}|{role}");
        if !place.exists && self.policies.contains_key(&id) {
            return Err(format!("Resource of type 'AWS::IAM::RolePolicy' with identifier '{id}' already exists."));
        }
        let attached = self.attached(properties, vec![role], INLINE_POLICIES_CHARS_MAX)?;
        self.embed(place.aws, id.clone(), attached)?;
        Ok((id, Map::new()))
    }

    /// Makes an inline policy a part of its roles, if there is room for it.
    fn embed(&mut self, aws: &Aws, id: String, policy: Attached) -> Result<(), String> {
        for role in &policy.roles {
            let own = self.roles.get(role).into_iter().flat_map(|role| &role.inline);
            let own: usize = own.map(|document| document.to_string().len()).sum();
            let others = self.policy_chars(role, Some(&id));
            check_inline_chars(role, own + others + policy.document.to_string().len())?;
        }
        self.policies.insert(id, policy);
        self.publish(aws);
        Ok(())
    }

    /// Characters that `AWS::IAM::Policy` and `RolePolicy` resources, which are inline policies too, add to a role.
    fn policy_chars(&self, role: &str, except: Option<&str>) -> usize {
        let policies = self
            .policies
            .iter()
            .filter(|(id, policy)| Some(id.as_str()) != except && policy.roles.iter().any(|attached| attached == role));
        policies.map(|(_, policy)| policy.document.to_string().len()).sum()
    }

    pub(super) fn remove_policy(&mut self, aws: &Aws, physical_id: &str) {
        self.policies.remove(physical_id);
        self.publish(aws);
    }

    pub(super) fn put_managed_policy(&mut self, place: &Place<'_>, properties: &Map<String, Value>) -> PutResult {
        let name = name_in(&place.name);
        check_name(name, 128)?;
        let path = properties.get("Path").and_then(text).unwrap_or_else(|| "/".to_owned());
        let arn = place.arn("iam", &format!("policy{path}{name}"));
        place.refuse_duplicate(self.managed.contains_key(&arn))?;
        let attached = self.attached(properties, role_names(properties), MANAGED_POLICY_CHARS_MAX)?;
        for role in &attached.roles {
            let own = self.roles.get(role).map_or(0, |role| role.managed.len());
            check_managed_count(own + self.attachments(role, &arn) + 1)?;
        }
        self.managed.insert(arn.clone(), attached);
        self.publish(place.aws);
        Ok((arn.clone(), attributes(json!({ "PolicyArn": arn }))))
    }

    pub(super) fn remove_managed_policy(&mut self, aws: &Aws, arn: &str) {
        self.managed.remove(arn);
        self.publish(aws);
    }

    /// Counts the `AWS::IAM::ManagedPolicy` resources, except one, that name this role.
    fn attachments(&self, role: &str, except: &str) -> usize {
        let named = |policy: &Attached| policy.roles.iter().any(|attached| attached == role);
        self.managed.iter().filter(|(arn, policy)| *arn != except && named(policy)).count()
    }

    fn attached(
        &self,
        properties: &Map<String, Value>,
        roles: Vec<String>,
        chars_max: usize,
    ) -> Result<Attached, String> {
        let document = properties.get("PolicyDocument").cloned().unwrap_or_default();
        check_document(&document, false, chars_max)?;
        match roles.iter().find(|role| !self.roles.contains_key(*role)) {
            Some(role) => Err(format!("The role with name {role} cannot be found.")),
            None => Ok(Attached { document, roles }),
        }
    }

    /// Refuses an unknown managed policy, unless it is a customer's own, created outside CloudFormation.
    fn check_managed(&self, arn: &str) -> Result<(), String> {
        let aws_owned = arn.contains(":iam::aws:policy/");
        let customer = arn.starts_with("arn:") && arn.contains(":iam::") && arn.contains(":policy/") && !aws_owned;
        if customer || self.managed.contains_key(arn) || aws_managed_policy(arn).is_some() {
            return Ok(());
        }
        Err(format!(
            "Policy {arn} does not exist or is not attachable. (The emulator knows few of AWS's own policies.)"
        ))
    }

    /// Tells the emulator's IAM what every role may do now.
    fn publish(&self, aws: &Aws) {
        let roles = self.roles.iter().map(|(name, role)| {
            let mut policies = role.inline.clone();
            let managed = role.managed.iter().filter_map(|arn| {
                aws_managed_policy(arn).or_else(|| self.managed.get(arn).map(|policy| policy.document.clone()))
            });
            policies.extend(managed);
            let attached = self.policies.values().chain(self.managed.values());
            policies
                .extend(attached.filter(|policy| policy.roles.contains(name)).map(|policy| policy.document.clone()));
            Role::new(role.arn.clone(), role.created, role.trust.clone(), policies)
        });
        let roles: Vec<Role> = roles.collect();
        aws.with(|world| roles.into_iter().for_each(|role| world.iam.put_role(role)));
    }
}

/// Returns the roles that a policy names.
fn role_names(properties: &Map<String, Value>) -> Vec<String> {
    properties.get("Roles").map(list).unwrap_or_default().iter().filter_map(text).collect()
}

fn check_managed_count(count: usize) -> Result<(), String> {
    if count > MANAGED_POLICIES_MAX {
        return Err(format!("Cannot exceed quota for PoliciesPerRole: {MANAGED_POLICIES_MAX}"));
    }
    Ok(())
}

fn check_inline_chars(role: &str, chars: usize) -> Result<(), String> {
    if chars > INLINE_POLICIES_CHARS_MAX {
        return Err(format!("Maximum policy size of {INLINE_POLICIES_CHARS_MAX} bytes exceeded for role {role}"));
    }
    Ok(())
}

/// Returns the document of an AWS managed policy, for those that functions usually have.
fn aws_managed_policy(arn: &str) -> Option<Value> {
    let (_, name) = arn.split_once(":iam::aws:policy/service-role/")?;
    let logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
    let network = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ];
    let actions = match name {
        "AWSLambdaBasicExecutionRole" => logs.to_vec(),
        "AWSLambdaVPCAccessExecutionRole" => [&logs[..], &network[..]].concat(),
        _ => return None,
    };
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
    Some(json!({ "Version": "2012-10-17", "Statement": [statement] }))
}

fn check_name(name: &str, length_max: usize) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if name.is_empty() || name.len() > length_max || !name.bytes().all(allowed) {
        return Err(format!("the name {name} must be 1 to {length_max} of the characters [A-Za-z0-9_+=,.@-]"));
    }
    Ok(())
}

/// Checks the grammar of a policy document, as far as a typing error would break it.
fn check_document(document: &Value, is_trust: bool, chars_max: usize) -> Result<(), String> {
    let malformed = |problem: &str| Err(format!("Syntax errors in policy: {problem} (MalformedPolicyDocument)"));
    let Some(members) = document.as_object() else { return malformed("a document must be an object") };
    if let Some(key) = members.keys().find(|key| !matches!(key.as_str(), "Version" | "Id" | "Statement")) {
        return malformed(&format!("unknown element {key}"));
    }
    if members.get("Version").is_some_and(|version| version != "2012-10-17" && version != "2008-10-17") {
        return malformed("Version must be 2012-10-17");
    }
    let single;
    let statements = match members.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.as_slice(),
        Some(statement @ Value::Object(_)) => {
            single = [statement.clone()];
            &single[..]
        }
        _ => return malformed("Statement is missing"),
    };
    for statement in statements {
        let Some(statement) = statement.as_object() else { return malformed("a statement must be an object") };
        let known = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        if let Some(key) = statement.keys().find(|key| !known.contains(&key.as_str())) {
            return malformed(&format!("unknown element {key}"));
        }
        let has = |names: [&str; 2]| names.iter().filter(|name| statement.contains_key(**name)).count() == 1;
        if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
            return malformed("Effect must be Allow or Deny");
        }
        if !has(["Action", "NotAction"]) {
            return malformed("a statement needs Action or NotAction");
        }
        if has(["Principal", "NotPrincipal"]) != is_trust {
            return malformed("Principal belongs into trust policies and nowhere else");
        }
        if has(["Resource", "NotResource"]) == is_trust {
            return malformed("Resource belongs into every policy but a trust policy");
        }
        let sid = statement.get("Sid").and_then(Value::as_str).unwrap_or_default();
        if !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return malformed("a Sid is alphanumeric");
        }
    }
    if document.to_string().len() > chars_max {
        return Err(format!("Maximum policy size of {chars_max} bytes exceeded"));
    }
    Ok(())
}

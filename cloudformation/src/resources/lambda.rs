//! `AWS::Lambda::Function`, `EventInvokeConfig` and `Permission`.

use std::collections::BTreeMap;
use std::time::Duration;

use emulator::iam::{Role, matches_arn};
use emulator::lambda::async_invoke::FunctionConfiguration;
use serde_json::{Map, Value, json};

use super::place::{Others, Place, PutResult, attributes};
use super::schema::integer;
use crate::intrinsics::{list, text};

/// Lambda's own default, in seconds.
const TIMEOUT_DEFAULT_SECONDS: i64 = 3;
const TIMEOUT_MAX_SECONDS: i64 = 900;
/// Bytes of all environment variables together.
const ENVIRONMENT_BYTES_MAX: usize = 4096;
/// Names that Lambda sets itself.
const RESERVED_VARIABLES: [&str; 9] = [
    "_HANDLER",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// A function of the account.
#[derive(Clone, Debug)]
pub(crate) struct LambdaFunction {
    pub configuration: FunctionConfiguration,
}

/// The functions of the account, by name, and the statements of their resource policies, by id.
#[derive(Default)]
pub(super) struct LambdaFunctions {
    functions: BTreeMap<String, LambdaFunction>,
    permissions: BTreeMap<String, Permission>,
}

/// A statement of a function's resource policy.
struct Permission {
    function: String,
    action: String,
    principal: String,
    /// A pattern.
    source_arn: Option<String>,
    source_account: Option<String>,
}

impl LambdaFunctions {
    pub(super) fn put(&mut self, place: &Place<'_>, properties: &Map<String, Value>) -> PutResult {
        let name = &place.name;
        place.refuse_duplicate(self.functions.contains_key(name))?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(format!("the function name {name} must be 1 to 64 of the characters [A-Za-z0-9_-]"));
        }
        let number = |key: &str| properties.get(key).and_then(integer);
        let timeout = number("Timeout").unwrap_or(TIMEOUT_DEFAULT_SECONDS);
        if !(1..=TIMEOUT_MAX_SECONDS).contains(&timeout) {
            return Err(format!(
                "Value {timeout} at 'timeout' failed to satisfy constraint: 1 to {TIMEOUT_MAX_SECONDS}"
            ));
        }
        if number("MemorySize").is_some_and(|size| !(128..=10_240).contains(&size)) {
            return Err("'MemorySize' value failed to satisfy constraint: 128 to 10240".to_owned());
        }
        let is_image = properties.get("PackageType").and_then(Value::as_str) == Some("Image");
        for required in ["Handler", "Runtime"] {
            if properties.contains_key(required) == is_image {
                let verb = if is_image { "forbidden" } else { "mandatory" };
                return Err(format!(
                    "Runtime and Handler are {verb} parameters for functions created with this package type"
                ));
            }
        }
        check_code(properties.get("Code").unwrap_or(&Value::Null), is_image)?;
        let environment = environment(properties.get("Environment"))?;
        let role_arn = properties.get("Role").and_then(text).unwrap_or_default();
        let arn = place.arn("lambda", &format!("function:{name}"));
        let account_id = place.aws.settings().account_id.clone();
        // Not documented for this call; known to reach trust policies from services that act for one resource.
        let context = BTreeMap::from([
            ("aws:SourceAccount".to_owned(), vec![account_id]),
            ("aws:SourceArn".to_owned(), vec![arn.clone()]),
        ]);
        let role = place.aws.with(|world| world.iam.role(&role_arn).cloned());
        let role = role
            .filter(|role| role.trusts("lambda.amazonaws.com", &context))
            .ok_or("The role defined for the function cannot be assumed by Lambda.")?;
        check_role(&role, properties)?;
        let mut configuration = match self.functions.get(name) {
            Some(known) => known.configuration.clone(),
            None => FunctionConfiguration::new(arn.clone(), role_arn.clone()),
        };
        configuration.role_arn = role_arn;
        configuration.timeout = Duration::from_secs(timeout.unsigned_abs());
        configuration.environment = environment;
        self.functions.insert(name.clone(), LambdaFunction { configuration });
        Ok((name.clone(), attributes(json!({ "Arn": arn }))))
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.functions.remove(name);
    }

    pub(super) fn put_event_invoke_config(
        &mut self,
        place: &Place<'_>,
        properties: &Map<String, Value>,
        others: &mut Others,
    ) -> PutResult {
        let name = self.function_name(properties)?;
        if properties.get("Qualifier").and_then(Value::as_str) != Some("$LATEST") {
            return Err("the emulator has no versions and aliases: Qualifier must be $LATEST".to_owned());
        }
        let number = |key: &str, least: i64, most: i64, default: i64| {
            let value = properties.get(key).and_then(integer).unwrap_or(default);
            if (least..=most).contains(&value) {
                Ok(value.unsigned_abs())
            } else {
                Err(format!("{key} must be between {least} and {most}"))
            }
        };
        let retries = number("MaximumRetryAttempts", 0, 2, 2)?;
        let age = number("MaximumEventAgeInSeconds", 60, 21_600, 21_600)?;
        let physical_id = others.remember(place, format!("{name}|$LATEST"))?;
        if let Some(function) = self.functions.get_mut(&name) {
            function.configuration.maximum_retry_attempts = u32::try_from(retries).unwrap_or(0);
            function.configuration.maximum_event_age = Duration::from_secs(age);
        }
        Ok((physical_id, Map::new()))
    }

    /// Resets the function to Lambda's defaults.
    pub(super) fn reset_event_invoke_config(&mut self, physical_id: &str) {
        let name = physical_id.split('|').next().unwrap_or_default();
        if let Some(function) = self.functions.get_mut(name) {
            let defaults = FunctionConfiguration::new(String::new(), String::new());
            function.configuration.maximum_retry_attempts = defaults.maximum_retry_attempts;
            function.configuration.maximum_event_age = defaults.maximum_event_age;
        }
    }

    pub(super) fn remove_permission(&mut self, physical_id: &str) {
        self.permissions.remove(physical_id);
    }

    /// Returns true if a statement lets EventBridge invoke the function for this rule.
    pub(super) fn may_invoke(&self, function_arn: &str, rule_arn: &str) -> bool {
        let account = rule_arn.split(':').nth(4);
        self.permissions.values().any(|permission| {
            let Permission { function, action, principal, source_arn, source_account } = permission;
            self.by_arn(function_arn).is_some_and(|it| it.configuration.arn.ends_with(&format!(":{function}")))
                && ["lambda:InvokeFunction", "lambda:*"].contains(&action.as_str())
                && principal == "events.amazonaws.com"
                && source_arn.as_ref().is_none_or(|pattern| matches_arn(pattern, rule_arn))
                && source_account.as_deref().is_none_or(|wanted| Some(wanted) == account)
        })
    }

    pub(super) fn put_permission(
        &mut self,
        place: &Place<'_>,
        properties: &Map<String, Value>,
        others: &mut Others,
    ) -> PutResult {
        let function = self.function_name(properties)?;
        let member = |name: &str| properties.get(name).and_then(text);
        let action = member("Action").unwrap_or_default();
        if !action.starts_with("lambda:") {
            return Err(format!("the action {action} must begin with lambda:"));
        }
        let principal = member("Principal").unwrap_or_default();
        let (source_arn, source_account) = (member("SourceArn"), member("SourceAccount"));
        let physical_id = others.remember(place, place.name.clone())?;
        let permission = Permission { function, action, principal, source_arn, source_account };
        self.permissions.insert(physical_id.clone(), permission);
        let attributes = attributes(json!({ "Id": physical_id }));
        Ok((physical_id, attributes))
    }

    /// Returns the name of the function that `FunctionName` means, written as a name or an ARN.
    fn function_name(&self, properties: &Map<String, Value>) -> Result<String, String> {
        let given = properties.get("FunctionName").and_then(text).unwrap_or_default();
        let found =
            self.functions.iter().find(|(name, function)| **name == given || function.configuration.arn == given);
        found.map(|(name, _)| name.clone()).ok_or_else(|| format!("Function not found: {given}"))
    }

    /// Returns the function of this ARN.
    pub(super) fn by_arn(&self, arn: &str) -> Option<&LambdaFunction> {
        self.functions.values().find(|function| function.configuration.arn == arn)
    }
}

fn check_code(code: &Value, is_image: bool) -> Result<(), String> {
    let has = |key: &str| code.get(key).is_some_and(|value| text(value).is_some_and(|text| !text.is_empty()));
    let fits = match code {
        // A local folder: what a template holds before `sam build` and `sam package` put an S3 object in its place.
        Value::String(folder) => !folder.is_empty() && !is_image,
        _ if is_image => has("ImageUri"),
        _ => has("ZipFile") || (has("S3Bucket") && has("S3Key")),
    };
    if fits { Ok(()) } else { Err("Please provide a source for function code.".to_owned()) }
}

/// Checks that the role may do what Lambda does with it for a VPC and for dead letters.
fn check_role(role: &Role, properties: &Map<String, Value>) -> Result<(), String> {
    let member = |property: &str, member: &str| properties.get(property)?.get(member).cloned();
    let mut needed = Vec::new();
    if member("VpcConfig", "SubnetIds").is_some_and(|subnets| !list(&subnets).is_empty()) {
        let calls = ["CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface"];
        needed.extend(calls.map(|call| ("ec2", call, "*".to_owned())));
    }
    let target = member("DeadLetterConfig", "TargetArn").and_then(|arn| text(&arn));
    needed.extend(
        target.map(|arn| if arn.contains(":sns:") { ("sns", "Publish", arn) } else { ("sqs", "SendMessage", arn) }),
    );
    match needed.iter().find(|(service, call, resource)| !role.allows(&format!("{service}:{call}"), resource)) {
        Some((service, call, _)) => Err(format!(
            "The provided execution role does not have permissions to call {call} on {}",
            service.to_uppercase()
        )),
        None => Ok(()),
    }
}

fn environment(value: Option<&Value>) -> Result<BTreeMap<String, String>, String> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    if let Some(key) = value.as_object().into_iter().flatten().map(|(key, _)| key).find(|key| *key != "Variables") {
        return Err(format!("Encountered unsupported property {key}"));
    }
    let mut environment = BTreeMap::new();
    for (name, value) in value.get("Variables").and_then(Value::as_object).into_iter().flatten() {
        let well_formed = name.len() > 1
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !well_formed {
            return Err(format!("the environment variable {name} must match [a-zA-Z]([a-zA-Z0-9_])+"));
        }
        if RESERVED_VARIABLES.contains(&name.as_str()) {
            return Err(format!(
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided contains reserved keys that are currently not supported for modification: {name}"
            ));
        }
        let value = text(value).ok_or_else(|| format!("the environment variable {name} must be a string"))?;
        environment.insert(name.clone(), value);
    }
    let size = serde_json::to_string(&environment).map_or(0, |text| text.len());
    if size > ENVIRONMENT_BYTES_MAX {
        return Err("Lambda was unable to configure your environment variables because the environment variables you \
                    have provided exceeded the 4KB limit."
            .to_owned());
    }
    Ok(environment)
}

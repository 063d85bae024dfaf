//! The `AWS::` types: small stand-ins with plausible ids, and real effects where they decide what a function may do.
//!
//! Roles and policies feed the emulator's IAM, and log groups its CloudWatch Logs; functions decide who answers for
//! custom resources. The rest is checked, named, remembered and forgotten again. They take no time.

mod ec2;
mod iam;
mod lambda;
mod log_group;
mod place;
pub(crate) mod schema;

use emulator::aws::Aws;
use emulator::event_bus::Rule;
use serde_json::{Map, Value, json};

use self::iam::IamResources;
use self::lambda::{LambdaFunction, LambdaFunctions};
use self::place::{Others, Place, PutResult, attributes, name_in};
use crate::change::{Change, Done, Target};
use crate::intrinsics::{list, text};
use crate::properties::has_dynamic_reference;

/// The resources of the account that CloudFormation created, except those that the emulated services keep themselves.
#[derive(Default)]
pub(crate) struct Account {
    iam: IamResources,
    functions: LambdaFunctions,
    others: Others,
}

impl Account {
    /// Makes one change. `suffix` is what tells a generated name from others.
    pub(crate) fn apply(&mut self, aws: &Aws, target: &Target, suffix: &str, change: &Change) -> Result<Done, String> {
        let definition =
            schema::definition(&target.type_name).ok_or_else(|| format!("unknown type {}", target.type_name))?;
        let properties = change.properties();
        if let Change::Delete { physical_id, .. } = change {
            self.remove(aws, &target.type_name, physical_id)?;
            return Ok(Done { physical_id: physical_id.clone(), ..Done::default() });
        }
        definition.check(properties)?;
        if has_dynamic_reference(&Value::Object(properties.clone()), "") {
            return Err("dynamic references are resolved in custom resources only by whoever reads them, \
                        and not at all by the emulated CloudFormation"
                .to_owned());
        }
        let given = definition.name_property.and_then(|property| properties.get(property)).and_then(text);
        let generated = || generated_name(target, suffix, name_length_max(&target.type_name));
        let (name, exists) = match change {
            Change::Update { physical_id, old_properties, .. } => {
                if !definition.replaces(old_properties, properties) {
                    (physical_id.clone(), true)
                } else if given.as_ref().is_some_and(|name| name_in(physical_id) == name) {
                    return Err(format!(
                        "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename \
                         {physical_id} and update the stack again."
                    ));
                } else {
                    (given.unwrap_or_else(generated), false)
                }
            }
            _ => (given.unwrap_or_else(generated), false),
        };
        let place = Place { aws, target, name, exists };
        let (physical_id, attributes) = self.put(&place, properties)?;
        Ok(Done { physical_id, attributes, no_echo: false })
    }

    fn put(&mut self, place: &Place<'_>, properties: &Map<String, Value>) -> PutResult {
        match place.target.type_name.as_str() {
            "AWS::IAM::Role" => self.iam.put_role(place, properties),
            "AWS::IAM::RolePolicy" => self.iam.put_role_policy(place, properties),
            "AWS::IAM::Policy" => self.iam.put_policy(place, properties),
            "AWS::IAM::ManagedPolicy" => self.iam.put_managed_policy(place, properties),
            "AWS::Lambda::Function" => self.functions.put(place, properties),
            "AWS::Lambda::EventInvokeConfig" => {
                self.functions.put_event_invoke_config(place, properties, &mut self.others)
            }
            "AWS::Lambda::Permission" => self.functions.put_permission(place, properties, &mut self.others),
            "AWS::Events::Rule" => self.put_rule(place, properties),
            "AWS::Logs::LogGroup" => log_group::put(place, properties),
            "AWS::CloudWatch::Alarm" => {
                let arn = place.arn("cloudwatch", &format!("alarm:{}", place.name));
                Ok((self.others.remember(place, place.name.clone())?, attributes(json!({ "Arn": arn }))))
            }
            "AWS::EC2::SecurityGroup" => ec2::put_security_group(place, properties, &mut self.others),
            "AWS::EC2::VPCEndpoint" => ec2::put_vpc_endpoint(place, properties, &mut self.others),
            "AWS::CDK::Metadata" => Ok((self.others.remember(place, place.name.clone())?, Map::new())),
            _ => {
                let settings = place.aws.settings();
                let url = format!(
                    "https://cloudformation-waitcondition-{}.s3.{}.{}/{}",
                    settings.region, settings.region, settings.dns_suffix, place.name
                );
                Ok((self.others.remember(place, url)?, Map::new()))
            }
        }
    }

    fn remove(&mut self, aws: &Aws, type_name: &str, physical_id: &str) -> Result<(), String> {
        match type_name {
            "AWS::IAM::Role" => self.iam.remove_role(aws, physical_id)?,
            "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" => self.iam.remove_policy(aws, physical_id),
            "AWS::IAM::ManagedPolicy" => self.iam.remove_managed_policy(aws, physical_id),
            "AWS::Lambda::Function" => {
                self.functions.remove(physical_id);
            }
            "AWS::Logs::LogGroup" => log_group::remove(aws, physical_id)?,
            _ => {
                match type_name {
                    "AWS::Lambda::EventInvokeConfig" => self.functions.reset_event_invoke_config(physical_id),
                    "AWS::Lambda::Permission" => self.functions.remove_permission(physical_id),
                    "AWS::Events::Rule" => aws.with(|world| world.event_bus.remove_rule(physical_id)),
                    _ => {}
                }
                self.others.forget(type_name, physical_id);
            }
        }
        Ok(())
    }

    /// Returns the function of this ARN.
    pub(crate) fn function(&self, arn: &str) -> Option<&LambdaFunction> {
        self.functions.by_arn(arn)
    }

    /// Returns true if the function's resource policy lets the rule invoke it.
    pub(crate) fn may_invoke(&self, function_arn: &str, rule_arn: &str) -> bool {
        self.functions.may_invoke(function_arn, rule_arn)
    }

    fn put_rule(&mut self, place: &Place<'_>, properties: &Map<String, Value>) -> PutResult {
        if !properties.contains_key("EventPattern") && !properties.contains_key("ScheduleExpression") {
            return Err(
                "Parameter(s) EventPattern and ScheduleExpression must be specified, one of them at least".to_owned()
            );
        }
        let targets = properties.get("Targets").map(list).unwrap_or_default();
        if targets.len() > 5 {
            return Err("a rule has at most 5 targets".to_owned());
        }
        let arn = place.arn("events", &format!("rule/{}", place.name));
        let rule = Rule::read(arn.clone(), properties)?;
        // The emulated clock starts nothing: a rule with a schedule only exists.
        if properties.contains_key("EventPattern") {
            place.aws.with(|world| world.event_bus.put_rule(&place.name, rule));
        }
        Ok((self.others.remember(place, place.name.clone())?, attributes(json!({ "Arn": arn }))))
    }
}

fn name_length_max(type_name: &str) -> usize {
    match type_name {
        "AWS::IAM::Role" | "AWS::Lambda::Function" | "AWS::Events::Rule" => 64,
        "AWS::IAM::ManagedPolicy" => 128,
        _ => 255,
    }
}

/// Generates `<stack>-<logical id>-<twelve characters>`, shortened in front of the last hyphen if it is too long.
fn generated_name(target: &Target, suffix: &str, length_max: usize) -> String {
    let stack = target.stack_name.as_str();
    let mut name = format!("{stack}-{}", target.logical_id);
    name.truncate(length_max - suffix.len() - 1);
    format!("{name}-{suffix}")
}

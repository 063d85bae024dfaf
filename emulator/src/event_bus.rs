//! Amazon EventBridge: the default event bus, its rules, and the events that it hands to their targets.
//!
//! Smaller than the service and strict about it: patterns of exact values, Lambda functions as targets, and input
//! templates whose variables are predefined ones outside of quotes. A rule that needs more is refused.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Map, Value, json};

use crate::ids::uuid;
use crate::settings::Settings;

/// The maximum length of an input template (API reference, InputTransformer).
const TEMPLATE_CHARS_MAX: usize = 8192;
/// The variables that stand for the whole event, for the rule's ARN and for its name (user guide, input transformation).
const EVENT: &str = "aws.events.event.json";
const RULE_ARN: &str = "aws.events.rule-arn";
const RULE_NAME: &str = "aws.events.rule-name";

/// The event bus of one account and Region.
#[derive(Debug)]
pub struct EventBus {
    settings: Settings,
    /// By name.
    rules: BTreeMap<String, Rule>,
    /// The times after which each event is delivered: an event arrives at least once.
    deliveries: Vec<Duration>,
    published: u64,
}

/// A rule that events match.
#[derive(Clone, Debug)]
pub struct Rule {
    arn: String,
    enabled: bool,
    pattern: Map<String, Value>,
    targets: Vec<Target>,
}

#[derive(Clone, Debug)]
struct Target {
    arn: String,
    /// The text that becomes the target's input. Without one the target gets the event.
    template: Option<String>,
}

/// An event of an AWS service.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) source: &'static str,
    pub(crate) detail_type: &'static str,
    pub(crate) resource: String,
    pub(crate) detail: Value,
}

/// An event on its way to the target of a rule.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The rule.
    pub rule_arn: String,
    /// The function to invoke.
    pub function_arn: String,
    /// The input of the function.
    pub input: Value,
    /// The time that it takes.
    pub after: Duration,
}

impl EventBus {
    pub(crate) fn new(settings: &Settings) -> Self {
        let deliveries = vec![settings.event_delivery];
        Self { settings: settings.clone(), rules: BTreeMap::new(), deliveries, published: 0 }
    }

    /// Creates or replaces a rule.
    pub fn put_rule(&mut self, name: &str, rule: Rule) {
        self.rules.insert(name.to_owned(), rule);
    }

    /// Removes a rule.
    pub fn remove_rule(&mut self, name: &str) {
        self.rules.remove(name);
    }

    /// Chooses the times after which each event is delivered from now on: two times are a duplicate, and a long one is a
    /// late event.
    pub fn deliver_after(&mut self, times: &[Duration]) {
        self.deliveries = times.to_vec();
    }

    /// Returns the deliveries of an event to the targets of the rules that it matches.
    pub(crate) fn publish(&mut self, event: &Event, now: SystemTime) -> Vec<Delivery> {
        self.published += 1;
        let envelope = json!({
            "version": "0",
            "id": uuid(&format!("event {}", self.published)),
            "detail-type": event.detail_type,
            "source": event.source,
            "account": self.settings.account_id,
            "time": DateTime::from_secs(DateTime::from(now).secs()).fmt(Format::DateTime).unwrap_or_default(),
            "region": self.settings.region,
            "resources": [event.resource],
            "detail": event.detail,
        });
        let matching = self.rules.iter().filter(|(_, rule)| rule.enabled && matches(&rule.pattern, &envelope));
        let mut deliveries = Vec::new();
        for (name, rule) in matching {
            for target in &rule.targets {
                let input = match &target.template {
                    None => Ok(envelope.clone()),
                    Some(template) => render(template, name, &rule.arn, &envelope),
                };
                // The template was tried when the rule was created.
                let Ok(input) = input else { continue };
                deliveries.extend(self.deliveries.iter().map(|after| Delivery {
                    rule_arn: rule.arn.clone(),
                    function_arn: target.arn.clone(),
                    input: input.clone(),
                    after: *after,
                }));
            }
        }
        deliveries
    }
}

impl Rule {
    /// Reads a rule from its properties.
    ///
    /// # Errors
    /// A property is malformed, or asks for more than the emulator has. The text is the service's, or says so.
    pub fn read(arn: String, properties: &Map<String, Value>) -> Result<Self, String> {
        let bus = properties.get("EventBusName").and_then(Value::as_str).unwrap_or("default");
        if bus != "default" {
            return Err(format!("Event bus {bus} does not exist."));
        }
        let pattern = match properties.get("EventPattern") {
            Some(Value::Object(pattern)) => pattern.clone(),
            _ => Map::new(),
        };
        check_pattern(&pattern)?;
        let targets = properties.get("Targets").and_then(Value::as_array).into_iter().flatten();
        let targets = targets.map(|target| Target::read(target, &arn)).collect::<Result<_, _>>()?;
        let enabled = match properties.get("State").and_then(Value::as_str) {
            None | Some("ENABLED") => true,
            Some("DISABLED") => false,
            Some(other) => return Err(format!("{other} is not a valid state of a rule with an event pattern")),
        };
        Ok(Self { arn, enabled, pattern, targets })
    }
}

impl Target {
    fn read(target: &Value, rule_arn: &str) -> Result<Self, String> {
        let members = target.as_object().ok_or("every target of a rule is an object")?;
        if let Some(unknown) = members.keys().find(|key| !["Arn", "Id", "InputTransformer"].contains(&key.as_str())) {
            return Err(format!("the emulated event bus has no {unknown} of targets"));
        }
        let text = |member: &str| members.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (Some(arn), Some(_)) = (text("Arn"), text("Id")) else {
            return Err("every target of a rule needs Arn and Id".to_owned());
        };
        if !arn.contains(":lambda:") {
            return Err(format!("the targets of the emulated event bus are Lambda functions, and {arn} is not one"));
        }
        let template = match members.get("InputTransformer") {
            None => None,
            Some(transformer) => Some(template(transformer, rule_arn)?),
        };
        Ok(Self { arn: arn.to_owned(), template })
    }
}

/// Returns the text of an input transformer that gives valid input for any event.
fn template(transformer: &Value, rule_arn: &str) -> Result<String, String> {
    let members = transformer.as_object().ok_or("InputTransformer is an object")?;
    if let Some(unknown) = members.keys().find(|key| *key != "InputTemplate") {
        return Err(format!("the emulated event bus has no {unknown} of input transformers"));
    }
    let template = members.get("InputTemplate").and_then(Value::as_str).ok_or("InputTemplate is missing")?;
    if template.is_empty() || template.chars().count() > TEMPLATE_CHARS_MAX {
        return Err(format!("Member must have length less than or equal to {TEMPLATE_CHARS_MAX}: inputTemplate"));
    }
    render(template, "rule", rule_arn, &json!({}))?;
    Ok(template.to_owned())
}

/// Replaces the variables of a template, `<name>`, and reads the result as JSON.
fn render(template: &str, rule: &str, rule_arn: &str, event: &Value) -> Result<Value, String> {
    let mut rendered = String::new();
    let mut rest = template;
    let mut quoted = false;
    while let Some(at) = rest.find(['"', '\\', '<']) {
        let (before, found) = rest.split_at(at);
        rendered.push_str(before);
        match found.as_bytes()[0] {
            b'\\' => {
                let end = found.char_indices().nth(2).map_or(found.len(), |(end, _)| end);
                rendered.push_str(&found[..end]);
                rest = &found[end..];
            }
            b'"' => {
                quoted = !quoted;
                rendered.push('"');
                rest = &found[1..];
            }
            _ if quoted => return Err("the emulated event bus has no variables in quotes".to_owned()),
            _ => {
                let (name, after) = found[1..].split_once('>').ok_or("Invalid InputTemplate: a `<` has no `>`")?;
                let value = match name {
                    EVENT => event.clone(),
                    RULE_ARN => Value::from(rule_arn),
                    RULE_NAME => Value::from(rule),
                    _ => return Err(format!("Invalid InputTemplate: there is no variable <{name}>")),
                };
                rendered.push_str(&value.to_string());
                rest = after;
            }
        }
    }
    rendered.push_str(rest);
    serde_json::from_str(&rendered).map_err(|error| format!("Invalid InputTemplate: it is not JSON: {error}"))
}

fn check_pattern(pattern: &Map<String, Value>) -> Result<(), String> {
    for (name, value) in pattern {
        match value {
            Value::Object(inner) if !inner.is_empty() => check_pattern(inner)?,
            Value::Array(values) if !values.is_empty() && values.iter().all(|it| !it.is_object() && !it.is_array()) => {
            }
            Value::Array(values) if !values.is_empty() => {
                return Err(format!("the patterns of the emulated event bus have exact values only: {name}"));
            }
            _ => return Err(format!("Event pattern is not valid. Reason: \"{name}\" must be an object or an array")),
        }
    }
    Ok(())
}

/// Returns true if every field of the pattern has one of its values in the event. A list in the event matches by any of
/// its entries.
fn matches(pattern: &Map<String, Value>, event: &Value) -> bool {
    pattern.iter().all(|(name, wanted)| match (wanted, &event[name]) {
        (Value::Object(inner), found) => matches(inner, found),
        (Value::Array(wanted), Value::Array(found)) => found.iter().any(|found| wanted.contains(found)),
        (Value::Array(wanted), found) => wanted.contains(found),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:events:us-east-1:111122223333:rule/r";

    fn rule(properties: &Value) -> Result<Rule, String> {
        Rule::read(ARN.to_owned(), properties.as_object().expect("an object"))
    }

    fn bus(pattern: &Value, target: &Value) -> EventBus {
        let mut bus = EventBus::new(&Settings::default());
        bus.put_rule("r", rule(&json!({"EventPattern": pattern, "Targets": [target]})).expect("a rule"));
        bus
    }

    fn event(label: &str) -> Event {
        let detail = json!({"name": "n", "labelUpdated": label, "versionId": "v"});
        let resource = "arn:aws:secretsmanager:us-east-1:111122223333:secret:n-AbCdEf".to_owned();
        Event { source: "aws.secretsmanager", detail_type: "Secret Label Updated", resource, detail }
    }

    #[test]
    fn an_event_reaches_the_targets_of_the_rules_that_it_matches() {
        let pattern = json!({"source": ["aws.secretsmanager"], "detail": {"labelUpdated": ["AWSCURRENT"]},
            "resources": ["x", "arn:aws:secretsmanager:us-east-1:111122223333:secret:n-AbCdEf"]});
        let template = "{\"Rule\": <aws.events.rule-arn>, \"Text\": \"a \\\" b\", \"Event\": <aws.events.event.json>}";
        let target = json!({"Id": "f", "Arn": "arn:aws:lambda:us-east-1:111122223333:function:f",
            "InputTransformer": {"InputTemplate": template}});
        let mut bus = bus(&pattern, &target);
        assert!(bus.publish(&event("AWSPENDING"), SystemTime::UNIX_EPOCH).is_empty());
        bus.deliver_after(&[Duration::ZERO, Duration::from_mins(1)]);
        let deliveries = bus.publish(&event("AWSCURRENT"), SystemTime::UNIX_EPOCH);
        let [first, second] = deliveries.as_slice() else { panic!("{deliveries:?}") };
        assert_eq!((first.input.clone(), first.after), (second.input.clone(), Duration::ZERO));
        assert_eq!((&first.input["Rule"], &first.input["Text"]), (&json!(ARN), &json!("a \" b")));
        assert_eq!(first.input["Event"]["detail"]["versionId"], "v");
        bus.remove_rule("r");
        assert!(bus.publish(&event("AWSCURRENT"), SystemTime::UNIX_EPOCH).is_empty());
    }

    #[test]
    fn what_the_bus_does_not_have_is_refused() {
        let function = "arn:aws:lambda:us-east-1:111122223333:function:f";
        let template = |text: &str| json!({"Id": "f", "Arn": function, "InputTransformer": {"InputTemplate": text}});
        for (pattern, target, problem) in [
            (json!({"source": [{"prefix": "aws."}]}), json!({"Id": "f", "Arn": function}), "exact values only"),
            (json!({"source": "aws"}), json!({"Id": "f", "Arn": function}), "must be an object or an array"),
            (json!({"source": ["a"]}), json!({"Id": "f", "Arn": "arn:aws:sns:us-east-1:1:t"}), "Lambda functions"),
            (json!({"source": ["a"]}), json!({"Id": "f", "Arn": function, "Input": "{}"}), "has no Input"),
            (json!({"source": ["a"]}), template("{\"a\": <unknown>}"), "no variable <unknown>"),
            (json!({"source": ["a"]}), template("{\"a\": \"<aws.events.rule-arn>\"}"), "in quotes"),
            (json!({"source": ["a"]}), template("{\"a\": }"), "not JSON"),
            (json!({"source": ["a"]}), template(&format!("\"{}\"", "x".repeat(8191))), "8192"),
        ] {
            let refusal = rule(&json!({"EventPattern": pattern, "Targets": [target]})).expect_err(problem);
            assert!(refusal.contains(problem), "{refusal}");
        }
    }
}

//! Checks that hold at the end of every run, whatever happened in it. They read the whole account and change nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use emulator::aws::Aws;
use emulator::secrets_manager::Secret;

/// The result of a check.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// The claim that holds if there are no violations.
    pub(crate) promise: String,
    /// Sentences about states that are not allowed.
    pub(crate) violations: Vec<String>,
    /// Sentences about states that are allowed and worth knowing.
    pub(crate) notes: Vec<String>,
}

/// The contents of the account at one moment: the state of each thing by kind and name. A state may hold secret values
/// and is only ever compared.
pub(crate) struct Inventory {
    things: BTreeMap<String, String>,
    /// The physical ids by which CloudFormation knows the things, or those of their owners.
    physical_ids: BTreeMap<String, String>,
    /// Secrets that are deleted and can still be restored, each with the last date for that.
    scheduled: BTreeMap<String, SystemTime>,
}

impl Inventory {
    /// Lists everything that costs money, occupies a name or grants a permission.
    pub(crate) fn of(aws: &Aws) -> Self {
        let now = aws.clock().now();
        aws.with(|world| {
            let (mut things, mut physical_ids, mut scheduled) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            for (thing, holding) in world.agentcore.holdings(now) {
                physical_ids.insert(thing.clone(), holding.physical_id);
                things.insert(thing, holding.condition);
            }
            let mut called =
                |physical_id: &str, thing: &str| physical_ids.insert(thing.to_owned(), physical_id.to_owned());
            for secret in world.secrets.secrets() {
                let name = format!("secret {}", secret.name);
                // AgentCore keeps a provider's secret as long as the provider exists.
                let provider = ["oauth2", "apikey"]
                    .iter()
                    .find_map(|kind| secret.name.strip_prefix(&format!("bedrock-agentcore-identity!default/{kind}/")));
                called(provider.unwrap_or(&secret.arn), &name);
                match &secret.deletion {
                    None => drop(things.insert(name, secret_condition(secret))),
                    // A secret that is deleted without recovery disappears within seconds.
                    Some(deletion) if deletion.forced || deletion.gone <= now => {}
                    Some(deletion) => drop(scheduled.insert(name, deletion.date)),
                }
            }
            for role in world.iam.roles() {
                let thing = format!("role {}", role.arn);
                called(&role.name, &thing);
                things.insert(thing, format!("{role:?}"));
            }
            Self { things, physical_ids, scheduled }
        })
    }

    /// Compares the account with its state `before`. A new thing whose physical id is in `retained` is allowed, because
    /// the template retains it.
    pub(crate) fn compare(&self, before: &Self, retained: &BTreeSet<String>) -> Findings {
        let is_retained = |thing: &String| self.physical_ids.get(thing).is_some_and(|id| retained.contains(id));
        let but = if retained.is_empty() { "" } else { " but what the template retains" };
        let promise = format!("nothing{but} is left behind, and nothing else was touched");
        let mut findings = Findings { promise, ..Findings::default() };
        for (thing, condition) in &self.things {
            match before.things.get(thing) {
                None if is_retained(thing) => {
                    let why = "`DeletionPolicy` or `UpdateReplacePolicy` of the template says so";
                    findings.notes.push(format!("{thing} is retained, because {why}"));
                }
                None => findings.violations.push(format!("{thing} is left behind")),
                Some(earlier) if earlier != condition => {
                    findings.violations.push(format!("{thing} was there before and is changed"));
                }
                Some(_) => {}
            }
        }
        for thing in before.things.keys().filter(|thing| !self.things.contains_key(*thing)) {
            findings.violations.push(format!("{thing} was there before and is gone"));
        }
        for (thing, &date) in self.scheduled.iter().filter(|(thing, _)| !before.scheduled.contains_key(*thing)) {
            let date = instant(date);
            findings
                .notes
                .push(format!("{thing} is scheduled for deletion until {date} and can be restored until then"));
        }
        findings
    }
}

fn secret_condition(secret: &Secret) -> String {
    let versions: Vec<_> = secret.versions.iter().map(|version| (&version.id, &version.stages)).collect();
    format!("{:?} {:?} {versions:?} {:?}", secret.description, secret.tags, secret.current_text())
}

/// Checks that every request was answered exactly once. With `replies_lost` an answer may have been sent again because
/// the first sending seemed to fail. Both must then be equal.
pub(crate) fn answers(aws: &Aws, replies_lost: bool) -> Findings {
    let mut findings = Findings::default();
    let mut answers: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for put in aws.with(|world| world.responses.puts().to_vec()) {
        match put.status {
            200 => answers.entry(put.url).or_default().push(put.body),
            // A fault of the bucket, which the function has to survive.
            503 => {}
            status => findings.violations.push(format!("the response bucket refused an answer with status {status}")),
        }
    }
    for bodies in answers.values() {
        let different: BTreeSet<_> = bodies.iter().collect();
        if different.len() > 1 || (bodies.len() > 1 && !replies_lost) {
            findings.violations.push(format!("a request was answered {} times", bodies.len()));
        }
    }
    findings.promise = format!("each of {} requests was answered exactly once", answers.len());
    findings
}

/// Checks that no secret value occurs in a text. `secrets` and `texts` carry the names that a finding mentions.
pub(crate) fn secrets(secrets: &[(String, String)], texts: &[(String, String)]) -> Findings {
    let promise = format!(
        "none of {} secret values occurs in events, outputs, answers or log lines ({} texts)",
        secrets.len(),
        texts.len()
    );
    let mut findings = Findings { promise, ..Findings::default() };
    for (name, value) in secrets {
        let quoted = serde_json::Value::from(value.as_str()).to_string();
        let escaped = quoted.trim_matches('"');
        for (place, _) in texts.iter().filter(|(_, text)| text.contains(value.as_str()) || text.contains(escaped)) {
            findings.violations.push(format!("the value of `{name}` occurs in {place}"));
        }
    }
    findings
}

/// Formats a time as `2026-09-01T00:00:00Z`.
pub(crate) fn instant(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = DateTime::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    time.fmt(Format::DateTime).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(things: &[(&str, &str)]) -> Inventory {
        let things = things.iter().map(|&(name, condition)| (name.to_owned(), condition.to_owned())).collect();
        let physical_ids = BTreeMap::from([("runtime r".to_owned(), "id-of-r".to_owned())]);
        Inventory { things, physical_ids, scheduled: BTreeMap::new() }
    }

    #[test]
    fn what_is_new_changed_or_missing_is_a_violation() {
        let before = inventory(&[("secret a", "1"), ("secret b", "1"), ("secret c", "1")]);
        let after = inventory(&[("runtime r", "1"), ("secret a", "1"), ("secret b", "2")]);
        let expected = [
            "runtime r is left behind",
            "secret b was there before and is changed",
            "secret c was there before and is gone",
        ];
        assert_eq!(after.compare(&before, &BTreeSet::new()).violations, expected);
        let findings =
            after.compare(&before, &BTreeSet::from(["id-of-r".to_owned(), "of something that is gone".to_owned()]));
        assert_eq!(findings.violations, expected[1..]);
        assert!(findings.notes[0].starts_with("runtime r is retained, "), "{:?}", findings.notes);
    }

    #[test]
    fn a_secret_that_can_be_restored_is_a_note() {
        let mut after = inventory(&[]);
        after.scheduled.insert("secret a".to_owned(), SystemTime::UNIX_EPOCH);
        let findings = after.compare(&inventory(&[]), &BTreeSet::new());
        assert_eq!(findings.violations, Vec::<String>::new());
        assert!(findings.notes[0].starts_with("secret a is scheduled for deletion until 1970-01-01T00:00:00Z"));
    }

    #[test]
    fn a_secret_value_is_found_as_it_is_and_as_json() {
        let canary = [("Password".to_owned(), "a\"b\nc".to_owned())];
        let texts = [
            ("an event".to_owned(), "it is a\"b\nc".to_owned()),
            ("an answer".to_owned(), r#"{"it": "a\"b\nc"}"#.to_owned()),
            ("a log line".to_owned(), "nothing".to_owned()),
        ];
        let violations = secrets(&canary, &texts).violations;
        assert_eq!(
            violations,
            ["the value of `Password` occurs in an event", "the value of `Password` occurs in an answer"]
        );
    }
}

//! The place of one change in the account, and what every kind of resource shares.

use std::collections::{BTreeMap, BTreeSet};

use emulator::aws::Aws;
use serde_json::{Map, Value};

use crate::change::Target;

/// The place and the name of a resource that is created or updated.
pub(super) struct Place<'a> {
    pub(super) aws: &'a Aws,
    pub(super) target: &'a Target,
    /// The name given in the template, or a generated one; for an update in place, the one it has.
    pub(super) name: String,
    /// It is there already.
    pub(super) exists: bool,
}

impl Place<'_> {
    /// Returns `arn:aws:<service>:<region>:<account>:<resource>`; IAM's ARNs have no Region.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        let settings = self.aws.settings();
        let region = if service == "iam" { "" } else { settings.region.as_str() };
        format!("arn:{}:{service}:{region}:{}:{resource}", settings.partition, settings.account_id)
    }

    pub(super) fn refuse_duplicate(&self, taken: bool) -> Result<(), String> {
        if taken && !self.exists {
            return Err(format!("{} already exists", self.name));
        }
        Ok(())
    }
}

/// The physical id and the attributes of a resource that was created or updated, or the reason why not.
pub(super) type PutResult = Result<(String, Map<String, Value>), String>;

/// Resources without an effect of their own.
#[derive(Default)]
pub(super) struct Others {
    /// Their types and physical ids.
    known: BTreeSet<(String, String)>,
    /// Things that only one resource can have, by its physical id.
    claims: BTreeMap<String, String>,
}

impl Others {
    /// Keeps an id that nothing else needs to know about.
    pub(super) fn remember(&mut self, place: &Place<'_>, physical_id: String) -> Result<String, String> {
        let key = (place.target.type_name.clone(), physical_id.clone());
        place.refuse_duplicate(self.known.contains(&key))?;
        self.known.insert(key);
        Ok(physical_id)
    }

    pub(super) fn forget(&mut self, type_name: &str, physical_id: &str) {
        self.known.remove(&(type_name.to_owned(), physical_id.to_owned()));
        self.claims.remove(physical_id);
    }

    /// Gives a resource what only one can have, or refuses because another one has it.
    pub(super) fn claim(&mut self, physical_id: &str, what: String) -> Result<(), String> {
        let mut claims = self.claims.iter();
        if let Some((other, _)) = claims.find(|(other, claimed)| *other != physical_id && **claimed == what) {
            return Err(format!("{other} has already {what}"));
        }
        self.claims.insert(physical_id.to_owned(), what);
        Ok(())
    }
}

/// Returns the members of an object literal.
pub(super) fn attributes(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Returns the name within a physical id, which for some types is an ARN.
pub(super) fn name_in(physical_id: &str) -> &str {
    if physical_id.starts_with("arn:") { physical_id.rsplit('/').next().unwrap_or(physical_id) } else { physical_id }
}

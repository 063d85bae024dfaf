//! Secrets that another service keeps here in its caller's name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::SecretsManager;
use super::secret::{CURRENT, Secret, SecretValue};
use crate::iam::Requirement;
use crate::ids::uuid;

impl SecretsManager {
    /// Creates the secret of this name or gives it a new value; says its ARN.
    pub(crate) fn put_managed(&mut self, name: &str, value: String, now: SystemTime) -> String {
        let arn = self.next_arn(name);
        let created = &mut self.created;
        let secret = self.secrets.entry(name.to_owned()).or_insert_with(|| {
            *created += 1;
            Secret {
                arn,
                name: name.to_owned(),
                description: None,
                kms_key_id: None,
                tags: BTreeMap::new(),
                created: now,
                changed: now,
                versions: Vec::new(),
                deletion: None,
            }
        });
        let version = uuid(&format!("{} {}", secret.arn, secret.versions.len()));
        secret.add_version(&version, SecretValue::Text(value), BTreeSet::from([CURRENT.to_owned()]), now);
        secret.arn.clone()
    }

    /// Removes the secret of this ARN at once.
    pub(crate) fn remove_managed(&mut self, arn: &str, now: SystemTime) {
        let name = self.find(arn, now).map(|secret| secret.name.clone());
        self.purged.extend(name.and_then(|name| self.secrets.remove(&name)));
    }

    /// Returns the permissions that the service's caller needs for these actions on the secret of this name.
    pub(crate) fn to_manage(&self, name: &str, actions: &[&str]) -> Vec<Requirement> {
        let secret = self.secrets.get(name);
        let arn = secret.map_or_else(|| self.next_arn(name), |secret| secret.arn.clone());
        let need = |action: &&str| {
            let need = Requirement::new(format!("secretsmanager:{action}"), &arn);
            if *action == "CreateSecret" {
                need.with("secretsmanager:Name", name)
            } else {
                need.with("secretsmanager:SecretId", &arn)
            }
        };
        actions.iter().map(need).collect()
    }
}

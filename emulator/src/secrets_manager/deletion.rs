//! `DeleteSecret`, `RestoreSecret`.

use std::time::Duration;

use serde_json::{Value, json};

use super::secret::Deletion;
use super::{SecretsManager, errors, identity};
use crate::input::required;
use crate::service::{Answer, Call, timestamp};

const DAY: Duration = Duration::from_hours(24);

impl SecretsManager {
    pub(super) fn delete_secret(&mut self, call: &Call) -> Answer {
        let force = call.input.get("ForceDeleteWithoutRecovery").and_then(Value::as_bool).unwrap_or(false);
        let window = call.input.get("RecoveryWindowInDays").and_then(Value::as_i64);
        if force && window.is_some() {
            return Err(errors::invalid_parameter(
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
            ));
        }
        let Ok(days @ 7..=30) = u32::try_from(window.unwrap_or(30)) else {
            return Err(errors::invalid_parameter(
                "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
            ));
        };
        let id = required(&call.input, "SecretId");
        let lingering = self.settings.secret_force_deletion;
        if force && self.find(id, call.now).is_none() {
            // Deleting by force what does not exist succeeds [SMAPI DeleteSecret].
            let name = id.strip_prefix(&self.arn_prefix()).unwrap_or(id);
            let arn = if name == id { self.next_arn(name) } else { id.to_owned() };
            return Ok(json!({"ARN": arn, "Name": name, "DeletionDate": timestamp(call.now)}));
        }
        let secret = self.find_mut(id, call.now)?;
        match &secret.deletion {
            // A deletion by force that is repeated changes nothing.
            Some(deletion) if force && deletion.forced => {}
            // O: getmoto/moto#8638: force works on a secret whose window runs; everything else is refused.
            Some(_) if !force => {
                return Err(errors::invalid_request(
                    "You tried to perform the operation on a secret that's currently marked deleted.",
                ));
            }
            _ => {
                let date = if force { call.now } else { call.now + DAY * days };
                let gone = if force { call.now + lingering } else { date };
                secret.deletion = Some(Deletion { requested: call.now, date, gone, forced: force });
                secret.changed = call.now;
            }
        }
        let mut answer = identity(secret);
        answer["DeletionDate"] = json!(secret.deletion.as_ref().map(|deletion| timestamp(deletion.date)));
        Ok(answer)
    }

    pub(super) fn restore_secret(&mut self, call: &Call) -> Answer {
        let secret = self.find_mut(required(&call.input, "SecretId"), call.now)?;
        if let Some(deletion) = secret.deletion.as_ref().filter(|deletion| deletion.forced) {
            return Err(errors::marked_for_deletion(deletion));
        }
        if secret.deletion.take().is_some() {
            secret.changed = call.now;
        }
        Ok(identity(secret))
    }
}

//! The permissions that a caller needs, call by call [SM reference_iam-permissions, SMAPI "Required permissions"].

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{SecretsManager, tags};
use crate::iam::Requirement;
use crate::ids::alphanumeric;
use crate::input::{required, text, texts};
use crate::service::Call;

const READ: &[&str] = &["kms:Decrypt"];
const WRITE: &[&str] = &["kms:GenerateDataKey", "kms:Decrypt"];
const UPDATE: &[&str] = &["kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt"];

impl SecretsManager {
    /// Returns the actions that a call needs, and the resources that it needs them on.
    ///
    /// A secret that exists is evaluated as its complete ARN, however the caller named it. `CreateSecret` is evaluated
    /// on the ARN, suffix included, that the secret would get. A secret that does not exist is evaluated as the literal
    /// `SecretId` (O: mongodb/awscdk-resources-mongodbatlas#207), so that a caller whose policy names ARNs and who asks
    /// by name is denied rather than told that the secret does not exist.
    pub(crate) fn requirements(&self, call: &Call) -> Vec<Requirement> {
        let action = format!("secretsmanager:{}", call.operation);
        match call.operation {
            "CreateSecret" => self.to_create(call, &action),
            "ListSecrets" => vec![Requirement::new(action, "*")],
            _ => self.to_use(call, action),
        }
    }

    /// Returns the permissions that the caller of another service needs so that the service may do this to a secret in
    /// the caller's name.
    pub(crate) fn to_read(&self, secret_id: &str, operations: &[&'static str], caller: &Call) -> Vec<Requirement> {
        let input = Map::from_iter([("SecretId".to_owned(), Value::from(secret_id))]);
        let call = |operation| Call { operation, input: input.clone(), ..caller.clone() };
        operations.iter().flat_map(|operation| self.requirements(&call(operation))).collect()
    }

    fn to_create(&self, call: &Call, action: &str) -> Vec<Requirement> {
        let name = required(&call.input, "Name");
        let arn = self.next_arn(name);
        // Tags that break a rule are refused by the call itself.
        let tags = tags::tags_of(&call.input).unwrap_or_default();
        let mut needed =
            vec![Requirement::new(action, &arn).with("secretsmanager:Name", name).with_request_tags(&tags)];
        if !tags.is_empty() {
            needed.push(Requirement::new("secretsmanager:TagResource", &arn).with_request_tags(&tags));
        }
        if brings_value(call) {
            needed.extend(self.key_use(text(&call.input, "KmsKeyId"), WRITE, &arn));
        }
        needed
    }

    fn to_use(&self, call: &Call, action: String) -> Vec<Requirement> {
        let id = required(&call.input, "SecretId");
        let secret = self.find(id, call.now);
        let none = BTreeMap::new();
        let (arn, owned) = secret.map_or((id, &none), |secret| (secret.arn.as_str(), &secret.tags));
        let mut need = Requirement::new(action, arn)
            .with("secretsmanager:SecretId", arn)
            .with_tags("aws:ResourceTag", owned)
            .with_tags("secretsmanager:ResourceTag", owned);
        match call.operation {
            "TagResource" => {
                need = need.with_request_tags(&tags::tags_of(&call.input).unwrap_or_default());
            }
            "UntagResource" => need = need.with_tag_keys(texts(&call.input, "TagKeys")),
            _ => {}
        }
        let mut needed = vec![need];
        let key = secret.and_then(|secret| secret.kms_key_id.as_deref());
        match call.operation {
            "GetSecretValue" => needed.extend(self.key_use(key, READ, arn)),
            "PutSecretValue" => needed.extend(self.key_use(key, WRITE, arn)),
            "UpdateSecret" => match text(&call.input, "KmsKeyId") {
                Some(new) => needed.extend(self.key_use(Some(new), UPDATE, arn)),
                None if brings_value(call) => needed.extend(self.key_use(key, UPDATE, arn)),
                None => {}
            },
            _ => {}
        }
        needed
    }

    /// Returns the permissions to use a customer managed key; everybody may use the AWS managed one through Secrets
    /// Manager.
    fn key_use(&self, key: Option<&str>, actions: &[&str], secret_arn: &str) -> Vec<Requirement> {
        let Some(key) = key.filter(|key| !key.is_empty() && !key.ends_with("alias/aws/secretsmanager")) else {
            return Vec::new();
        };
        let (region, account) = (&self.settings.region, &self.settings.account_id);
        let prefix = format!("arn:{}:kms:{region}:{account}:key/", self.settings.partition);
        let arn = match (key.starts_with("arn:"), key.rsplit_once("alias/")) {
            // KMS evaluates the key behind an alias, so a policy that names the alias does not match.
            (_, Some((_, alias))) => format!("{prefix}{}", alphanumeric(alias, 32)),
            (true, None) => key.to_owned(),
            (false, None) => format!("{prefix}{key}"),
        };
        let via = format!("secretsmanager.{region}.{}", self.settings.dns_suffix);
        let need = |action: &&str| {
            Requirement::new(*action, &arn)
                .with("kms:ViaService", &via)
                .with("kms:CallerAccount", account)
                .with("kms:EncryptionContext:SecretARN", secret_arn)
        };
        actions.iter().map(need).collect()
    }
}

fn brings_value(call: &Call) -> bool {
    call.input.contains_key("SecretString") || call.input.contains_key("SecretBinary")
}

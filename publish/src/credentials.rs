//! The credentials for S3: the environment's keys, or those that the AWS CLI is signed in with.

use std::process::Command;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::Value;

const HOW: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in with version 2 of the AWS CLI \
                   (`aws sso login`, `aws configure`), or use `--dry-run`, which needs none";

/// Returns the environment's keys unless a profile is named. Otherwise asks the AWS CLI, which knows every way to sign
/// in.
///
/// # Errors
/// There are no credentials, or those of the environment are incomplete or damaged.
pub(crate) fn find(profile: Option<&str>) -> Result<SharedCredentialsProvider, String> {
    let keys = if profile.is_none() { from_environment()? } else { None };
    let (id, secret, token) = keys.map_or_else(|| from_cli(profile), Ok)?;
    Ok(SharedCredentialsProvider::new(Credentials::new(id, secret, token, None, "publish")))
}

/// Access key, secret key, and a session's token.
type Keys = (String, String, Option<String>);

fn from_environment() -> Result<Option<Keys>, String> {
    let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    let missing = |missing, given| Err(format!("{given} is set and {missing} is not; set both, or none"));
    match (variable(id)?, variable(secret)?) {
        (Some(id), Some(secret)) => Ok(Some((id, secret, variable("AWS_SESSION_TOKEN")?))),
        (None, None) => Ok(None),
        (Some(_), None) => missing(secret, id),
        (None, Some(_)) => missing(id, secret),
    }
}

/// Reads a variable, without the line break that a file or a pipeline's secret ends with.
fn variable(name: &str) -> Result<Option<String>, String> {
    let value = std::env::var_os(name).unwrap_or_default();
    let value = value.to_string_lossy().trim().to_owned();
    if !value.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("{name} holds a space, a line break or another character that no key has; set it anew"));
    }
    Ok(Some(value).filter(|value| !value.is_empty()))
}

/// Runs `aws configure export-credentials`, whose output has the form of a `credential_process`.
fn from_cli(profile: Option<&str>) -> Result<Keys, String> {
    let mut command = Command::new("aws");
    command.args(["configure", "export-credentials", "--format", "process"]);
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    let output = command
        .output()
        .map_err(|error| format!("there are no AWS credentials in the environment, nor an AWS CLI ({error}); {HOW}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        if reason.contains("Invalid choice") {
            return Err(format!("the AWS CLI is version 1, which cannot pass its credentials on; {HOW}"));
        }
        let reason = reason.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gives no reason").trim();
        return Err(format!("there are no AWS credentials (the AWS CLI says: {reason}); {HOW}"));
    }
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let member = |name: &str| answer[name].as_str().map(str::to_owned);
    match (member("AccessKeyId"), member("SecretAccessKey")) {
        (Some(id), Some(secret)) => Ok((id, secret, member("SessionToken"))),
        _ => Err(format!("`aws configure export-credentials` gave no credentials; {HOW}")),
    }
}

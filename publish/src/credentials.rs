//! Whom S3 is called as: the environment's keys, or what the AWS CLI is signed in with.

use std::process::Command;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::Value;

const HOW: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in with the AWS CLI (`aws sso login`, \
                   `aws configure`), or use `--dry-run`, which needs none";

/// The environment's keys unless a profile is named; else the AWS CLI is asked, which knows every way to sign in.
///
/// # Errors
/// There are none.
pub(crate) fn find(profile: Option<&str>) -> Result<SharedCredentialsProvider, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let keys =
        profile.is_none().then(|| variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"))).flatten();
    let (id, secret, token) = match keys {
        Some((id, secret)) => (id, secret, variable("AWS_SESSION_TOKEN")),
        None => from_cli(profile)?,
    };
    Ok(SharedCredentialsProvider::new(Credentials::new(id, secret, token, None, "publish")))
}

/// `aws configure export-credentials`, in the form that `credential_process` has.
fn from_cli(profile: Option<&str>) -> Result<(String, String, Option<String>), String> {
    let mut command = Command::new("aws");
    command.args(["configure", "export-credentials", "--format", "process"]);
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    let output = command.output().map_err(|_| format!("there are no AWS credentials; {HOW}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
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

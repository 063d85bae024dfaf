//! Roles of an account.

use std::time::Duration;

use emulator::aws::Aws;
use emulator::iam::Role;
use serde_json::json;

/// Puts a role into the account that may do everything and that `service` may assume. The role is old enough for every
/// service to know it.
pub fn put_role(aws: &Aws, arn: &str, service: &str) {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    });
    let everything = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
    });
    let created = aws.settings().start - Duration::from_hours(1);
    aws.with(|world| world.iam.put_role(Role::new(arn, created, trust, vec![everything])));
}

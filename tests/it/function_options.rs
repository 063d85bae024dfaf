//! The options of template.yaml and provisioner.yaml for the function in regulated accounts.

use std::collections::BTreeMap;
use std::time::Duration;

use cloudformation::StackResource;
use emulator::aws::ServiceId;
use emulator::service::Principal;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::deployment::{Deployment, NAME};
use crate::provisioner_account::{PROVISIONER, ProvisionerAccount};
use crate::world::IMAGE;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
const SIGNING: &str = "arn:aws:lambda:us-east-1:111122223333:code-signing-config:csc-0123456789abcdef0";
const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:dead-letters";
const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:alarms";
const VPC: [(&str, &str); 2] =
    [("FunctionSubnetIds", "subnet-0a1b2c3d,subnet-0a1b2c3e"), ("FunctionSecurityGroupIds", "sg-0a1b2c3d")];

/// An option: its parameters, and the property of a resource that they set.
type Setting<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str, Value);

fn options() -> Vec<Setting<'static>> {
    let vpc = json!({"SubnetIds": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"], "SecurityGroupIds": ["sg-0a1b2c3d"]});
    vec![
        (&VPC, "Function", "VpcConfig", vpc),
        (&[("FunctionKmsKeyArn", KEY)], "Function", "KmsKeyArn", json!(KEY)),
        (&[("FunctionKmsKeyArn", KEY)], "FunctionLogGroup", "KmsKeyId", json!(KEY)),
        (&[("FunctionCodeSigningConfigArn", SIGNING)], "Function", "CodeSigningConfigArn", json!(SIGNING)),
        (&[("FunctionReservedConcurrency", "5")], "Function", "ReservedConcurrentExecutions", json!("5")),
        (&[("FunctionDeadLetterQueueArn", QUEUE)], "Function", "DeadLetterConfig", json!({"TargetArn": QUEUE})),
        (&[("FunctionAlarmTopicArn", TOPIC)], "FunctionAlarm", "AlarmActions", json!([TOPIC])),
    ]
}

/// Returns one property of a resource of a stack, if both exist.
fn property<'a>(resources: &'a BTreeMap<String, StackResource>, resource: &str, name: &str) -> Option<&'a Value> {
    let resource = resources.get(resource).filter(|resource| resource.physical_id.is_some())?;
    resource.properties.get(name)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn each_option_of_the_template_sets_its_property_and_an_update_clears_it() {
    let mut deployment = Deployment::new(&[]);
    let defaults = deployment.parameters.clone();
    let created = deployment.create().await;
    deployment.expect(&created, StackStatus::CreateComplete);
    for (parameters, resource, name, expected) in options() {
        assert_eq!(property(&deployment.cloudformation.resources(NAME), resource, name), None, "{name}");
        deployment.set(parameters);
        let updated = deployment.update().await;
        deployment.expect(&updated, StackStatus::UpdateComplete);
        let resources = deployment.cloudformation.resources(NAME);
        assert_eq!(property(&resources, resource, name), Some(&expected), "{name}");
        deployment.parameters.clone_from(&defaults);
        let cleared = deployment.update().await;
        deployment.expect(&cleared, StackStatus::UpdateComplete);
    }
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn each_option_of_the_provisioner_sets_its_property_and_an_update_clears_it() {
    let account = ProvisionerAccount::new(&[]).await;
    for (parameters, resource, name, expected) in options() {
        assert_eq!(property(&account.cloudformation.resources(PROVISIONER), resource, name), None, "{name}");
        let updated = account.update(PROVISIONER, "provisioner.yaml", parameters).await;
        account.expect(&updated, StackStatus::UpdateComplete);
        let resources = account.cloudformation.resources(PROVISIONER);
        assert_eq!(property(&resources, resource, name), Some(&expected), "{name}");
        let cleared = account.update(PROVISIONER, "provisioner.yaml", &[]).await;
        account.expect(&cleared, StackStatus::UpdateComplete);
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn subnets_and_security_groups_of_the_function_go_together() {
    for lone in VPC {
        let mut deployment = Deployment::new(&[]);
        deployment.set(&[lone]);
        let refusal = deployment.refused_create().await;
        assert!(refusal.contains("FunctionSubnetIds and FunctionSecurityGroupIds go together"), "{refusal}");
        let input = crate::provisioner_account::input(PROVISIONER, "provisioner.yaml", &[lone]);
        let refusal =
            ProvisionerAccount::empty().cloudformation.create_stack(input).await.expect_err("refused").message;
        assert!(refusal.contains("FunctionSubnetIds and FunctionSecurityGroupIds go together"), "{refusal}");
    }
}

/// A rotation that waits for an update of the stack would keep that update from the function.
#[tokio::test(flavor = "local", start_paused = true)]
async fn one_execution_is_too_little_for_rotations() {
    let words = "FunctionReservedConcurrency=1 is too little for RecycleOnRotation=true";
    let mut deployment = Deployment::new(&[("FunctionReservedConcurrency", "1")]);
    let refusal = deployment.refused_create().await;
    assert!(refusal.contains(words), "{refusal}");
    deployment.set(&[("RecycleOnRotation", "false")]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    let create = async |rotates: &str| {
        let parameters = [("FunctionReservedConcurrency", "1"), ("RecycleOnRotation", rotates)];
        let input = crate::provisioner_account::input(PROVISIONER, "provisioner.yaml", &parameters);
        ProvisionerAccount::empty().cloudformation.create_stack(input).await
    };
    let refusal = create("true").await.expect_err("refused").message;
    assert!(refusal.contains(words), "{refusal}");
    assert_eq!(create("false").await.expect("a valid request").status, StackStatus::CreateComplete);
}

/// Lambda checks the role's permissions for network interfaces and for the queue when it creates the function.
#[tokio::test(flavor = "local", start_paused = true)]
async fn all_options_work_together_and_their_network_interfaces_are_for_lambda_alone() {
    let mut deployment = Deployment::new(&[]);
    for (parameters, ..) in options() {
        deployment.set(parameters);
    }
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    assert_eq!(stack.output("ToolCount"), Some("3"));

    let runtime = |name: &str| {
        json!({"agentRuntimeName": name, "roleArn": stack.output("ExecutionRoleArn"),
        "tags": {"agentcore-provisioner:stack-id": stack.id},
        "networkConfiguration": {"networkMode": "VPC", "networkModeConfig":
            {"subnets": ["subnet-0a1b2c3d"], "securityGroups": ["sg-0a1b2c3d"]}},
        "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}}})
    };
    // Creates AgentCore's service-linked role for networks.
    deployment.somebody(ServiceId::AgentCoreControl, "CreateAgentRuntime", runtime("theirs"));
    sleep(Duration::from_mins(1)).await;
    let name = stack.output("AgentRuntimeId").and_then(|id| id.rsplit_once('-')).expect("an id").0;
    deployment.somebody(
        ServiceId::AgentCoreControl,
        "DeleteAgentRuntime",
        json!({"agentRuntimeId": stack.output("AgentRuntimeId")}),
    );
    sleep(Duration::from_mins(1)).await;
    let role = Principal::Role(deployment.function_role());
    let refusal = deployment.aws.call(&role, ServiceId::AgentCoreControl, "CreateAgentRuntime", runtime(name));
    let refusal = refusal.expect_err("the function's code may not use the network").message;
    assert!(refusal.contains("ec2:DescribeSubnets"), "{refusal}");
}

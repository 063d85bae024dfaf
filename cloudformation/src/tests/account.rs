//! The `AWS::` types.

use emulator::service::{Principal, ServiceId};
use emulator::stacks::Status;
use serde_json::json;

use super::harness::{Harness, input};
use crate::StackInput;
use crate::capability::Capability;

fn resource(name: &str, kind: &str, properties: &str) -> String {
    format!("  {name}:\n    Type: {kind}\n    Properties: {{{properties}}}\n")
}

async fn failure(kind: &str, properties: &str) -> String {
    let harness = Harness::new(&[]);
    let stack = harness.create(&resource("It", kind, properties)).await;
    assert_eq!(stack.status, Status::RollbackComplete, "{properties}");
    harness.reason("It", Status::CreateFailed)
}

#[tokio::test(start_paused = true)]
async fn wrong_properties_are_found_when_the_resource_is_created() {
    let function = "Handler: bootstrap, Runtime: provided.al2023, Role: !GetAtt Role.Arn, Code: x/";
    assert_eq!(failure("AWS::Logs::LogGroup", "Retention: 3").await, "Encountered unsupported property Retention");
    assert!(failure("AWS::Logs::LogGroup", "RetentionInDays: 2").await.contains("RetentionInDays 2"));
    assert!(failure("AWS::Lambda::Function", &format!("{function}, Timeout: 901")).await.contains("901"));
    let no_code = "Handler: bootstrap, Runtime: provided.al2023, Role: !GetAtt Role.Arn, Code: {S3Bucket: b}";
    assert!(failure("AWS::Lambda::Function", no_code).await.contains("source for function code"));
    let reserved = format!("{function}, Environment: {{Variables: {{AWS_REGION: x}}}}");
    assert!(failure("AWS::Lambda::Function", &reserved).await.contains("reserved keys"));
    let stranger = function.replace("!GetAtt Role.Arn", "'arn:aws:iam::111122223333:role/none'");
    assert!(failure("AWS::Lambda::Function", &stranger).await.contains("cannot be assumed by Lambda"));
    let in_vpc = format!("{function}, VpcConfig: {{SubnetIds: [subnet-1], SecurityGroupIds: [sg-1]}}");
    assert!(failure("AWS::Lambda::Function", &in_vpc).await.contains("to call CreateNetworkInterface on EC2"));
    let queue = format!("{function}, DeadLetterConfig: {{TargetArn: 'arn:aws:sqs:us-east-1:111122223333:dead'}}");
    assert!(failure("AWS::Lambda::Function", &queue).await.contains("to call SendMessage on SQS"));
    assert!(
        failure("AWS::Lambda::Permission", "FunctionName: x, Action: 'lambda:InvokeFunction', Principal: p")
            .await
            .contains("not found")
    );
    assert!(failure("AWS::Events::Rule", "State: ENABLED").await.contains("EventPattern"));
    assert!(
        failure("AWS::IAM::Policy", "PolicyName: p, PolicyDocument: {Statement: []}, Roles: [!Ref Role]")
            .await
            .contains("Malformed")
    );
    assert!(failure("AWS::Logs::LogGroup", "LogGroupName: '{{resolve:ssm:x}}'").await.contains("dynamic references"));
}

#[tokio::test(start_paused = true)]
async fn networks_that_ec2_would_refuse_are_refused() {
    let interface = "VpcId: vpc-0a1b2c3d, ServiceName: com.amazonaws.us-east-1.logs, VpcEndpointType: Interface";
    let both = "SubnetIds: [subnet-0a1b2c3d], SecurityGroupIds: [sg-0a1b2c3d]";
    let gateway = "VpcId: vpc-0a1b2c3d, ServiceName: com.amazonaws.us-east-1.s3, VpcEndpointType: Gateway";
    for (properties, expected) in [
        (format!("{interface}, SubnetIds: [subnet-0a1b2c3d]"), "needs SecurityGroupIds"),
        (format!("{interface}, {both}, RouteTableIds: [rtb-0a1b2c3d]"), "RouteTableIds is not supported"),
        (format!("{}, {both}", interface.replace("logs", "log")), "com.amazonaws.us-east-1.log' does not exist"),
        (format!("{}, {both}", interface.replace("us-east-1", "eu-west-1")), "does not exist"),
        (format!("{}, {both}", interface.replace("vpc-", "net-")), "expecting \"vpc-...\""),
        (format!("{interface}, {}", both.replace("sg-0a1b2c3d", "default")), "expecting \"sg-...\""),
        (gateway.to_owned(), "needs RouteTableIds"),
        (format!("{gateway}, RouteTableIds: [rtb-0a1b2c3d], PrivateDnsEnabled: true"), "PrivateDnsEnabled is not"),
    ] {
        let reason = failure("AWS::EC2::VPCEndpoint", &properties).await;
        assert!(reason.contains(expected), "{properties}: {reason}");
    }
    let group = "GroupDescription: g, VpcId: vpc-0a1b2c3d";
    for (rule, expected) in [
        ("FromPort: 443, ToPort: 443, CidrIp: 10.0.0.0/8", "needs IpProtocol"),
        ("IpProtocol: tcp, CidrIp: 10.0.0.0/8", "Must specify both from and to ports"),
        ("IpProtocol: '-1'", "exactly one peer"),
        ("IpProtocol: '-1', CidrIp: 10.0.0.0/8, SourceSecurityGroupId: sg-0a1b2c3d", "exactly one peer"),
        ("IpProtocol: '-1', Cidr: 10.0.0.0/8", "unsupported property Cidr"),
    ] {
        let properties = format!("{group}, SecurityGroupIngress: [{{{rule}}}]");
        let reason = failure("AWS::EC2::SecurityGroup", &properties).await;
        assert!(reason.contains(expected), "{rule}: {reason}");
    }
    let harness = Harness::new(&[]);
    let logs = |name| resource(name, "AWS::EC2::VPCEndpoint", &format!("{interface}, {both}"));
    let stack = harness.create(&(logs("One") + &logs("Two"))).await;
    assert_eq!(stack.status, Status::RollbackComplete);
    let harness = Harness::new(&[]);
    assert_eq!(harness.create(&logs("One")).await.status, Status::CreateComplete);
}

#[tokio::test(start_paused = true)]
async fn names_are_generated_and_fixed_ones_need_the_capability() {
    let harness = Harness::new(&[]);
    let more = resource(
        "Rule",
        "AWS::Events::Rule",
        "EventPattern: {source: [aws.secretsmanager]}, Targets: [{Id: f, Arn: !GetAtt Function.Arn}]",
    ) + &resource(
        "Allow",
        "AWS::Lambda::Permission",
        "FunctionName: !Ref Function, Action: 'lambda:InvokeFunction', Principal: events.amazonaws.com, SourceArn: !GetAtt Rule.Arn",
    ) + &resource(
        "Log",
        "AWS::Logs::LogGroup",
        "LogGroupName: !Sub '/aws/lambda/${Function}', RetentionInDays: 30",
    ) + "  Handle: {Type: 'AWS::CloudFormation::WaitConditionHandle'}\n";
    assert_eq!(harness.create(&more).await.status, Status::CreateComplete);
    let resources = harness.cfn.resources("demo");
    let id = |name: &str| resources[name].physical_id.clone().unwrap_or_default();
    assert!(id("Role").starts_with("demo-Role-"));
    assert_eq!(id("Log"), format!("/aws/lambda/{}", id("Function")));
    assert_eq!(resources["Role"].attributes["Arn"], format!("arn:aws:iam::111122223333:role/{}", id("Role")));
    let named =
        resource("Named", "AWS::IAM::ManagedPolicy", "ManagedPolicyName: fixed, PolicyDocument: {Statement: []}");
    let mut request = input(&named);
    request.name = "other".to_owned();
    let error = harness.cfn.create_stack(request).await.expect_err("refused");
    assert_eq!(error.message, "Requires capabilities : [CAPABILITY_NAMED_IAM]");
}

#[tokio::test(start_paused = true)]
async fn log_groups_are_those_of_cloudwatch_logs() {
    let harness = Harness::new(&[]);
    let group = |properties: &str| resource("Log", "AWS::Logs::LogGroup", &format!("LogGroupName: /a/b{properties}"));
    let call = |operation: &str| {
        let input = json!({"logGroupName": "/a/b"});
        harness.aws.call(&Principal::Administrator, ServiceId::Logs, operation, input)
    };
    let retention = || harness.aws.with(|world| world.logs.group("/a/b").map(|group| group.retention_days));
    call("CreateLogGroup").expect("a group");
    assert_eq!(harness.create(&group("")).await.status, Status::RollbackComplete);
    assert_eq!(harness.reason("Log", Status::CreateFailed), "/a/b already exists");
    assert_eq!(retention(), Some(None), "the group of somebody else stays");
    harness.cfn.delete_stack("demo").await.expect("deleted");
    call("DeleteLogGroup").expect("deleted");

    assert_eq!(harness.create(&group(", RetentionInDays: 30")).await.status, Status::CreateComplete);
    assert_eq!(retention(), Some(Some(30)));
    assert_eq!(call("CreateLogGroup").expect_err("taken").code, "ResourceAlreadyExistsException");
    assert_eq!(harness.update(&group(", RetentionInDays: 7")).await.status, Status::UpdateComplete);
    assert_eq!(retention(), Some(Some(7)));
    harness.cfn.delete_stack("demo").await.expect("deleted");
    assert_eq!(retention(), None);
}

#[tokio::test(start_paused = true)]
async fn policies_decide_what_the_role_may_do() {
    let harness = Harness::new(&[]);
    let policy = |action: &str| {
        resource(
            "Policy",
            "AWS::IAM::Policy",
            &format!(
                "PolicyName: p, Roles: [!Ref Role], PolicyDocument: {{Version: 2012-10-17, Statement: [{{Effect: Allow, Action: '{action}', Resource: '*'}}]}}"
            ),
        )
    };
    let allows =
        |action: &str| harness.aws.with(|world| world.iam.roles().next().is_some_and(|role| role.allows(action, "*")));
    harness.create(&policy("secretsmanager:GetSecretValue")).await;
    assert!(allows("secretsmanager:GetSecretValue") && allows("logs:PutLogEvents") && !allows("s3:GetObject"));
    let created = harness.aws.with(|world| world.iam.roles().next().map(|role| role.created));
    tokio::time::advance(std::time::Duration::from_mins(1)).await;
    harness.update(&policy("s3:GetObject")).await;
    assert!(allows("s3:GetObject") && !allows("secretsmanager:GetSecretValue"));
    assert_eq!(harness.aws.with(|world| world.iam.roles().next().map(|role| role.created)), created);
    harness.update("").await;
    assert!(!allows("s3:GetObject"));
}

#[tokio::test(start_paused = true)]
async fn create_only_properties_replace_and_fixed_names_forbid_it() {
    let harness = Harness::new(&[]);
    let role = |properties: &str| {
        resource(
            "Other",
            "AWS::IAM::Role",
            &format!(
                "AssumeRolePolicyDocument: {{Version: 2012-10-17, Statement: [{{Effect: Allow, Principal: {{Service: bedrock-agentcore.amazonaws.com}}, Action: 'sts:AssumeRole'}}]}}, {properties}"
            ),
        )
    };
    let id = || harness.cfn.resources("demo")["Other"].physical_id.clone().expect("it exists");
    harness.create(&role("Path: /a/")).await;
    let first = id();
    assert_eq!(harness.update(&role("Path: /b/")).await.status, Status::UpdateComplete);
    assert_ne!(id(), first);
    assert_eq!(harness.aws.with(|world| world.iam.roles().count()), 2);
    harness.delete().await;
    let named = |path: &str| StackInput {
        capabilities: [Capability::NamedIam].into(),
        ..input(&role(&format!("RoleName: fixed, Path: {path}")))
    };
    harness.cfn.create_stack(named("/a/")).await.expect("valid");
    let stack = harness.cfn.update_stack(named("/b/")).await.expect("valid");
    assert_eq!(stack.status, Status::UpdateRollbackComplete);
    assert!(harness.reason("Other", Status::UpdateFailed).contains("custom-named resource requires replacing"));
}

#[tokio::test(start_paused = true)]
async fn a_role_policy_is_part_of_one_role() {
    let harness = Harness::new(&[]);
    let policy = |logical_id: &str, role: &str, action: &str| {
        let document = format!("{{Statement: [{{Effect: Allow, Action: '{action}', Resource: '*'}}]}}");
        let properties = format!("PolicyName: p, RoleName: {role}, PolicyDocument: {document}");
        resource(logical_id, "AWS::IAM::RolePolicy", &properties)
    };
    let allows =
        |action: &str| harness.aws.with(|world| world.iam.roles().next().is_some_and(|role| role.allows(action, "*")));
    harness.create(&policy("One", "!Ref Role", "s3:GetObject")).await;
    let id = harness.cfn.resources("demo")["One"].physical_id.clone().expect("it exists");
    assert!(id.starts_with("p|demo-Role-") && allows("s3:GetObject"), "{id}");
    harness.update(&policy("One", "!Ref Role", "s3:PutObject")).await;
    assert!(allows("s3:PutObject") && !allows("s3:GetObject"));
    for (role, reason) in [("!Ref Role", "already exists"), ("nobody", "cannot be found")] {
        let both = policy("One", "!Ref Role", "s3:PutObject") + &policy("Two", role, "s3:GetObject");
        assert_eq!(harness.update(&both).await.status, Status::UpdateRollbackComplete);
        assert!(harness.reason("Two", Status::CreateFailed).contains(reason));
    }
    harness.update("").await;
    assert!(!allows("s3:PutObject"));
}

#[tokio::test(start_paused = true)]
async fn a_role_has_ten_managed_policies() {
    let harness = Harness::new(&[]);
    let document = "PolicyDocument: {Statement: [{Effect: Allow, Action: 's3:GetObject', Resource: '*'}]}";
    let policies = |count: usize| {
        let one = |n| resource(&format!("P{n}"), "AWS::IAM::ManagedPolicy", &format!("Roles: [!Ref Role], {document}"));
        (0..count).map(one).collect::<String>()
    };
    // The role has one of AWS's own already.
    assert_eq!(harness.create(&policies(9)).await.status, Status::CreateComplete);
    assert_eq!(harness.update(&policies(10)).await.status, Status::UpdateRollbackComplete);
    assert_eq!(harness.reason("P9", Status::CreateFailed), "Cannot exceed quota for PoliciesPerRole: 10");
}

#[tokio::test(start_paused = true)]
async fn the_inline_policies_of_a_role_are_limited_together() {
    let policy = |name: &str, chars: usize| {
        let statement = format!("{{Effect: Allow, Action: 's3:GetObject', Resource: '{}'}}", "x".repeat(chars));
        let document = format!("PolicyDocument: {{Statement: [{statement}]}}");
        resource(name, "AWS::IAM::Policy", &format!("PolicyName: p, Roles: [!Ref Role], {document}"))
    };
    let harness = Harness::new(&[]);
    assert_eq!(harness.create(&policy("One", 6000)).await.status, Status::CreateComplete);
    let both = policy("One", 6000) + &policy("Two", 6000);
    assert_eq!(harness.update(&both).await.status, Status::UpdateRollbackComplete);
    let reason = harness.reason("Two", Status::CreateFailed);
    assert!(reason.starts_with("Maximum policy size of 10240 bytes exceeded for role demo-Role-"), "{reason}");
    let smaller = policy("One", 4000) + "  # the rest is the other's\n";
    assert_eq!(harness.update(&smaller).await.status, Status::UpdateComplete);
    assert_eq!(harness.update(&(policy("One", 4000) + &policy("Two", 6000))).await.status, Status::UpdateComplete);
}

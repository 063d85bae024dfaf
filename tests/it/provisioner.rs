//! The permissions of the role in provisioner.yaml: enough for an account's stacks, and not more.

use std::time::Duration;

use cloudformation::{Capability, StackInput};
use emulator::aws::ServiceId;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::provisioner_account::{PROVISIONER, ProvisionerAccount, SERVER, input, read};
use crate::world::{IMAGE, canary};

/// A gateway that calls a server with tokens, which no example shows.
const WITH_TOKENS: &str = "
Parameters:
  Secret: {Type: String, NoEcho: true}
  Version: {Type: String, Default: one}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      Path: {'Fn::ImportValue': agentcore-provisioner-RolePath}
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: bedrock-agentcore.amazonaws.com}, Action: 'sts:AssumeRole'}
      Policies:
        - PolicyName: all
          PolicyDocument: {Statement: [{Effect: Allow, Action: ['bedrock-agentcore:*', 'ecr:*', 'secretsmanager:*', 'kms:*'], Resource: '*'}]}
  Server:
    Type: Custom::AgentCoreRuntime
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      AgentRuntimeName: mcp_server
      ContainerUri: 111122223333.dkr.ecr.us-east-1.amazonaws.com/zscaler/mcp:1
      RoleArn: !GetAtt Role.Arn
      InboundAuth: JWT
      Issuer: https://tenant.auth0.com/
      AllowedAudience: https://mcp.example.com
  Provider:
    Type: Custom::AgentCoreOAuth2CredentialProvider
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      Issuer: https://tenant.auth0.com/
      ClientId: app
      ClientSecret: !Ref Secret
  Key:
    Type: Custom::AgentCoreApiKeyCredentialProvider
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      ApiKey: !Ref Secret
  Identity:
    Type: Custom::AgentCoreWorkloadIdentity
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      AllowedResourceOauth2ReturnUrls: !Sub 'https://example.com/${Version}'
      Tags: {version: !Ref Version}
  Gateway:
    Type: Custom::AgentCoreGateway
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      RoleArn: !GetAtt Role.Arn
      AuthorizerType: AWS_IAM
  Target:
    Type: Custom::AgentCoreGatewayTarget
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      GatewayIdentifier: !Ref Gateway
      Endpoint: !GetAtt Server.McpUrl
      OutboundAuth: OAUTH
      CredentialProviderArn: !GetAtt Provider.CredentialProviderArn
      CustomParameters: {audience: https://mcp.example.com}
  Probe:
    Type: Custom::AgentCoreMcpProbe
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      Endpoint: !GetAtt Target.GatewayUrl
      GatewayTargetId: !Ref Target
Outputs:
  ToolCount: {Value: !GetAtt Probe.ToolCount}
";

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_resource_type_is_allowed() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
    let account =
        ProvisionerAccount::with_settings(Settings { token_vault_key: Some(key.to_owned()), ..Settings::default() });
    let provisioner = account.create(PROVISIONER, "provisioner.yaml", &[("TokenVaultKmsKeyArn", key)]).await;
    account.expect(&provisioner, StackStatus::CreateComplete);
    let with_secret = |secret: &str| {
        let client = Client::new(secret).audiences(&["https://mcp.example.com"]);
        let provider = Provider::new(ClaimStyle::Auth0, "https://tenant.auth0.com/").with_client("app", client);
        account.aws.with(|world| world.identity_providers.add(provider));
        StackInput::new("tools", WITH_TOKENS).capability(Capability::Iam).parameter("Secret", secret)
    };
    let created = account.cloudformation.create_stack(with_secret("cAnArY-client")).await.expect("a valid template");
    account.expect(&created, StackStatus::CreateComplete);
    assert_eq!(created.output("ToolCount"), Some("3"));
    let rotated = with_secret("cAnArY-rotated").parameter("Version", "two");
    let updated = account.cloudformation.update_stack(rotated).await.expect("a valid template");
    account.expect(&updated, StackStatus::UpdateComplete);
    account.expect(&account.delete("tools").await, StackStatus::DeleteComplete);
    account.check_nothing_is_left();
}

/// Names that a template leaves out began with `mcp-`, which another prefix denies, and `team` covered `teamb` as well.
#[tokio::test(flavor = "local", start_paused = true)]
async fn each_team_has_a_provisioner_of_its_own() {
    let account = ProvisionerAccount::empty();
    let client = Client::new("cAnArY-client").audiences(&["https://mcp.example.com"]);
    let provider = Provider::new(ClaimStyle::Auth0, "https://tenant.auth0.com/").with_client("app", client);
    account.aws.with(|world| world.identity_providers.add(provider));
    for team in ["team", "teamb"] {
        let (provisioner, secrets) = (format!("{team}-provisioner"), format!("{team}/"));
        let stack =
            account.create(&provisioner, "provisioner.yaml", &[("NamePrefix", team), ("SecretPrefix", &secrets)]).await;
        account.expect(&stack, StackStatus::CreateComplete);
        let secret = format!(
            "  Upstream:
    Type: Custom::AgentCoreSecret
    Properties:
      ServiceToken: {{'Fn::ImportValue': {provisioner}-FunctionArn}}
      SecretName: {secrets}upstream
      Values: {{TOKEN: x}}
Outputs:"
        );
        let template = WITH_TOKENS
            .replace("      AgentRuntimeName: mcp_server\n", "")
            .replace("agentcore-provisioner-", &format!("{provisioner}-"))
            .replace("Outputs:", &secret);
        let input = StackInput::new(format!("{team}-tools"), template).capability(Capability::Iam);
        let stack = account.cloudformation.create_stack(input.parameter("Secret", "cAnArY-client")).await;
        account.expect(&stack.expect("a valid template"), StackStatus::CreateComplete);
    }

    let resources = account.cloudformation.resources("teamb-tools");
    let id = |name: &str| resources[name].physical_id.clone().expect("it exists");
    let (runtime, gateway, provider, secret) = (id("Server"), id("Gateway"), id("Provider"), id("Upstream"));
    let (key, identity) = (id("Key"), id("Identity"));
    assert!(runtime.starts_with("teamb_tools_Server_"), "{runtime}");
    for name in [&gateway, &provider, &key, &identity] {
        assert!(name.starts_with("teamb-"), "{name}");
    }
    let arn = |resource: &str| format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:{resource}");
    let tags = |resource: &str| {
        json!({"resourceArn": arn(resource), "tags": {
        "agentcore-provisioner:stack-id": "arn:aws:cloudformation:us-east-1:111122223333:stack/team-tools/1"}})
    };
    for (service, operation, input) in [
        (ServiceId::AgentCoreControl, "GetAgentRuntime", json!({"agentRuntimeId": runtime})),
        (ServiceId::AgentCoreControl, "DeleteAgentRuntime", json!({"agentRuntimeId": runtime})),
        (ServiceId::AgentCoreControl, "TagResource", tags(&format!("runtime/{runtime}"))),
        (ServiceId::AgentCoreControl, "DeleteGateway", json!({"gatewayIdentifier": gateway})),
        (ServiceId::AgentCoreControl, "TagResource", tags(&format!("gateway/{gateway}"))),
        (ServiceId::AgentCoreControl, "DeleteOauth2CredentialProvider", json!({"name": provider})),
        (ServiceId::AgentCoreControl, "GetApiKeyCredentialProvider", json!({"name": key})),
        (ServiceId::AgentCoreControl, "DeleteApiKeyCredentialProvider", json!({"name": key})),
        (ServiceId::AgentCoreControl, "UpdateWorkloadIdentity", json!({"name": identity})),
        (ServiceId::AgentCoreControl, "DeleteWorkloadIdentity", json!({"name": identity})),
        (
            ServiceId::AgentCoreControl,
            "TagResource",
            tags(&format!("workload-identity-directory/default/workload-identity/{identity}")),
        ),
        (ServiceId::SecretsManager, "DeleteSecret", json!({"SecretId": secret})),
        (ServiceId::SecretsManager, "GetSecretValue", json!({"SecretId": secret})),
    ] {
        account.denied_to("team-provisioner", service, operation, input);
    }
    for stack in ["team-tools", "teamb-tools", "team-provisioner", "teamb-provisioner"] {
        account.expect(&account.delete(stack).await, StackStatus::DeleteComplete);
    }
    account.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn resources_of_other_stacks_are_out_of_reach() {
    let account = ProvisionerAccount::new(&[("StackNamePattern", "team-*")]).await;
    let token = canary("token");
    let parameters = [&SERVER[..], &[("UpstreamToken", &token)]].concat();
    let created = account.create("team-a", "examples/runtime.yaml", &parameters).await;
    account.expect(&created, StackStatus::CreateComplete);
    account.expect(&account.delete("team-a").await, StackStatus::DeleteComplete);
    // The function cannot even look at such a stack, and would not be allowed more if it could.
    account.refuse("tools", "examples/runtime.yaml", &parameters, "cloudformation:DescribeStacks").await;
    let secret = json!({"Name": "tools/credentials", "SecretString": "{}", "ClientRequestToken": "f".repeat(32),
        "Tags": [{"Key": "agentcore-provisioner:stack-id",
                  "Value": "arn:aws:cloudformation:us-east-1:111122223333:stack/tools/1"}]});
    account.denied_to(PROVISIONER, ServiceId::SecretsManager, "CreateSecret", secret);
    let foreign = [&parameters[..], &[("Name", "theirs")]].concat();
    account.refuse("team-a", "examples/runtime.yaml", &foreign, "bedrock-agentcore:").await;

    let role = "arn:aws:iam::111122223333:role/agentcore/execution";
    crate::world::put_role(&account.aws, role, "bedrock-agentcore.amazonaws.com");
    let runtime = |name: &str, role: &str, tags: Value| {
        json!({"agentRuntimeName": name, "roleArn": role, "tags": tags, "networkConfiguration": {"networkMode": "PUBLIC"},
            "agentRuntimeArtifact": {"containerConfiguration": {"containerUri": IMAGE}}})
    };
    let tags = |stack: &str| json!({"agentcore-provisioner:stack-id": stack, "agentcore-provisioner:logical-id": "R"});
    let team = "arn:aws:cloudformation:us-east-1:111122223333:stack/team-a/11111111-2222-3333-4444-555555555555";
    for (stack, region_account) in [("tools", "us-east-1:111122223333"), ("team-a", "us-east-1:444455556666")] {
        let id = format!("arn:aws:cloudformation:{region_account}:stack/{stack}/1");
        account.denied("CreateAgentRuntime", runtime("mcp_new", role, tags(&id)));
    }
    account.denied("CreateAgentRuntime", runtime("mcp_new", role, json!({"team": "a"})));
    account.denied(
        "TagResource",
        json!({"resourceArn": "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/theirs-0123456789",
        "tags": tags(team)}),
    );

    let theirs = account.somebody(
        ServiceId::AgentCoreControl,
        "CreateAgentRuntime",
        runtime("mcp_theirs", role, json!({"team": "b"})),
    );
    sleep(Duration::from_mins(1)).await;
    let id = &theirs["agentRuntimeId"];
    account.denied("DeleteAgentRuntime", json!({ "agentRuntimeId": id }));
    let mut update = runtime("", role, json!({}));
    for name in ["agentRuntimeName", "tags"] {
        update.as_object_mut().expect("an object").remove(name);
    }
    update["agentRuntimeId"] = id.clone();
    account.denied("UpdateAgentRuntime", update);
    account.denied("UntagResource", json!({"resourceArn": theirs["agentRuntimeArn"], "tagKeys": ["team"]}));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_role_outside_the_path_is_not_handed_over() {
    let account = ProvisionerAccount::new(&[("RolePath", "/agentcore/tools/")]).await;
    let template = read("examples/runtime.yaml")
        .replace("{\"Fn::ImportValue\": !Sub \"${ProvisionerStack}-RolePath\"}", "/agentcore/");
    let token = canary("token");
    let parameters = [&SERVER[..], &[("UpstreamToken", &token)]].concat();
    let input = StackInput::uploaded("tools", template).capability(Capability::Iam);
    let input = parameters.iter().fold(input, |input, (name, value)| input.parameter(*name, *value));
    let stack = account.cloudformation.create_stack(input).await.expect("a valid template");
    account.expect(&stack, StackStatus::RollbackComplete);
    assert!(account.reasons().iter().any(|it| it.contains("iam:PassRole")), "{:#?}", account.reasons());
    account.expect(&account.delete("tools").await, StackStatus::DeleteComplete);
    account.check_nothing_is_left();
}

/// A target in a VPC uses the function's permissions on the network.
#[tokio::test(flavor = "local", start_paused = true)]
async fn private_endpoints_are_allowed_by_a_parameter() {
    let template = "
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      Path: {'Fn::ImportValue': agentcore-provisioner-RolePath}
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: bedrock-agentcore.amazonaws.com}, Action: 'sts:AssumeRole'}
  Gateway:
    Type: Custom::AgentCoreGateway
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      RoleArn: !GetAtt Role.Arn
      AuthorizerType: AWS_IAM
  Target:
    Type: Custom::AgentCoreGatewayTarget
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      GatewayIdentifier: !Ref Gateway
      Endpoint: https://mcp.internal.example.com/mcp
      OutboundAuth: NONE
      PrivateEndpoint: <endpoint>
";
    let managed = "{ManagedVpcResource: {VpcIdentifier: vpc-0a1b2c3d, SubnetIds: [subnet-0a1b2c3d], SecurityGroupIds: \
                   sg-0a1b2c3d, EndpointIpAddressType: IPV4}}";
    let lattice = "{SelfManagedLatticeResource: {ResourceConfigurationIdentifier: rcfg-0123456789abcdefg}}";
    for (endpoint, action) in [(managed, "ec2:"), (lattice, "vpc-lattice:")] {
        for allowed in ["false", "true"] {
            let account = ProvisionerAccount::new(&[("AllowPrivateEndpoints", allowed)]).await;
            account.aws.with(|world| {
                world.mcp_servers.start_private("mcp.internal.example.com", emulator::container::Behaviour::default());
            });
            let input = StackInput::new("tools", template.replace("<endpoint>", endpoint));
            let stack = account.cloudformation.create_stack(input.capability(Capability::Iam)).await.expect("valid");
            if allowed == "true" {
                account.expect(&stack, StackStatus::CreateComplete);
            } else {
                account.expect(&stack, StackStatus::RollbackComplete);
                let denied = |it: &String| it.contains("not allowed to call") && it.contains(action);
                assert!(account.reasons().iter().any(denied), "{:#?}", account.reasons());
            }
            account.expect(&account.delete("tools").await, StackStatus::DeleteComplete);
            account.check_nothing_is_left();
        }
    }
}

/// One policy for gateways and tokens was too long with five ARNs in each list.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_policies_fit_with_everything_allowed() {
    let arns = |arn: &str| {
        (0..5)
            .map(|n| format!("arn:aws-us-gov:{arn}{n}").replace("<place>", "us-gov-west-1:111122223333"))
            .collect::<Vec<_>>()
            .join(",")
    };
    let ten = |prefix: &str| (10..20).map(|n| format!("{prefix}-0123456789abcde{n}")).collect::<Vec<_>>().join(",");
    let (subnets, groups) = (ten("subnet"), ten("sg"));
    let secrets = arns("secretsmanager:<place>:secret:team/credentials-aBcDe");
    let keys = arns("kms:<place>:key/0a1b2c3d-0000-1111-2222-33334444555");
    let runtimes = arns("bedrock-agentcore:<place>:runtime/team_a-012345678");
    let gateways = arns("bedrock-agentcore:<place>:gateway/team-a-012345678");
    let providers = arns("bedrock-agentcore:<place>:token-vault/default/oauth2credentialprovider/team");
    let schemas = arns("s3:::schemas/team-");
    let queue = format!("arn:aws-us-gov:sqs:us-gov-west-1:111122223333:{}", "q".repeat(80));
    let (pattern, path, prefix) = ("s".repeat(128), format!("/{}/", "p".repeat(510)), format!("{}/", "s".repeat(199)));
    let (partition, region) = ("aws-us-gov".to_owned(), "us-gov-west-1".to_owned());
    let account = ProvisionerAccount::with_settings(Settings { partition, region, ..Settings::default() });
    let parameters = [
        ("StackNamePattern", &*pattern),
        ("NamePrefix", "twentycharactersatmo"),
        ("SecretPrefix", &prefix),
        ("RolePath", &path),
        ("AllowVpc", "true"),
        ("AllowPrivateEndpoints", "true"),
        ("SubnetIds", &subnets),
        ("SecurityGroupIds", &groups),
        ("ReadableSecretArns", &secrets),
        ("SecretKmsKeyArns", &keys),
        ("RuntimeArns", &runtimes),
        ("GatewayArns", &gateways),
        ("GatewayKmsKeyArns", &keys),
        ("CredentialProviderArns", &providers),
        ("ToolSchemaArns", &schemas),
        (
            "TokenVaultKmsKeyArn",
            "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555",
        ),
        ("FunctionSubnetIds", &subnets),
        ("FunctionSecurityGroupIds", &groups),
        ("FunctionKmsKeyArn", "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555"),
        ("FunctionDeadLetterQueueArn", &queue),
        ("PermissionsBoundaryArn", "arn:aws-us-gov:iam::111122223333:policy/boundary"),
    ];
    let stack = account.create(PROVISIONER, "provisioner.yaml", &parameters).await;
    account.expect(&stack, StackStatus::CreateComplete);
    assert_eq!(account.delete(PROVISIONER).await.status, StackStatus::DeleteComplete);
    for (name, value) in
        [("RolePath", "/"), ("NamePrefix", ""), ("SecretPrefix", ""), ("SecretPrefix", "team"), ("GatewayArns", "*")]
    {
        let input = input(PROVISIONER, "provisioner.yaml", &[(name, value)]);
        let refusal = account.cloudformation.create_stack(input).await.expect_err("equivalent to everything").message;
        assert!(refusal.contains(name), "{refusal}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_hosts_of_identity_providers_are_in_the_functions_environment() {
    for hosts in ["", "tenant.auth0.com,login.example.com"] {
        let account = ProvisionerAccount::new(&[("IdentityProviderHosts", hosts)]).await;
        let resources = account.cloudformation.resources(PROVISIONER);
        let (function, role) = (&resources["Function"], &resources["FunctionRole"].attributes["Arn"]);
        let expected = json!({"NAME_PREFIX": "mcp", "IDENTITY_PROVIDER_HOSTS": hosts, "FUNCTION_ROLE_ARN": role});
        assert_eq!(function.properties["Environment"]["Variables"], expected);
    }
}

/// AgentCore uses the keys of gateways and reads tool schemas in the function's name. Nobody else may.
#[tokio::test(flavor = "local", start_paused = true)]
async fn keys_of_gateways_and_tool_schemas_are_for_agentcore_alone() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
    let account =
        ProvisionerAccount::new(&[("GatewayKmsKeyArns", key), ("ToolSchemaArns", "arn:aws:s3:::schemas/*")]).await;
    let template = "
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      Path: {'Fn::ImportValue': agentcore-provisioner-RolePath}
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: bedrock-agentcore.amazonaws.com}, Action: 'sts:AssumeRole'}
  Gateway:
    Type: Custom::AgentCoreGateway
    Properties:
      ServiceToken: {'Fn::ImportValue': agentcore-provisioner-FunctionArn}
      RoleArn: !GetAtt Role.Arn
      AuthorizerType: AWS_IAM
      KmsKeyArn: arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555
";
    let input = StackInput::new("tools", template).capability(Capability::Iam);
    let stack = account.cloudformation.create_stack(input).await.expect("a valid template");
    account.expect(&stack, StackStatus::CreateComplete);
    let role = account.cloudformation.stack(PROVISIONER).expect("it exists");
    let role = role.output("FunctionRoleArn").expect("an output").to_owned();
    account.aws.with(|world| {
        let role = world.iam.role(&role).expect("a role");
        let conditions =
            role.policies.iter().flat_map(|policy| policy["Statement"].as_array().cloned().unwrap_or_default());
        for statement in
            conditions.filter(|it| it["Resource"].to_string().contains(key) || it["Sid"] == "ReadToolSchemas")
        {
            assert!(statement["Condition"].to_string().contains("bedrock-agentcore."), "{statement}");
        }
    });
}

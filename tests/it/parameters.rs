//! The values that each parameter of template.yaml and provisioner.yaml takes and refuses.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cloudformation::{CloudFormation, StackInput, TemplateSource, template_summary};
use emulator::aws::Aws;
use emulator::settings::Settings;
use harness::handler;

/// Values that a parameter takes, and values that it refuses.
struct Form {
    parameters: &'static [&'static str],
    good: &'static [&'static str],
    bad: &'static [&'static str],
}

const TEMPLATE: &[Form] = &[
    Form {
        parameters: &["RotationAlarmTopicArn"],
        good: &["", "arn:aws:sns:us-east-1:111122223333:alarms"],
        bad: &["alarms", "arn:aws:sns:us-east-1:111122223333:a.fifo", "arn:aws:sqs:us-east-1:111122223333:a"],
    },
    Form {
        parameters: &["ZscalerVanityDomain"],
        good: &["", "acme", "Acme-1", "9"],
        bad: &[
            "https://acme.zslogin.net",
            "acme.zslogin.net",
            "acme/",
            "acme ",
            " acme",
            "-acme",
            "acme-",
            "ac_me",
            "é",
        ],
    },
    Form {
        parameters: &["ZscalerCustomerId"],
        good: &["", "216199618143191040"],
        bad: &["216199 618143191040", "216199618143191040\n", "https://acme.zslogin.net", "ada@example.com"],
    },
    Form {
        parameters: &["ZscalerCloud"],
        good: &["", "beta", "zscalerthree"],
        bad: &["zscaler.net", "https://zsapi.zscalerbeta.net", "beta ", "be ta"],
    },
    Form { parameters: &["ZscalerClientId"], good: &["", "4a5b6c7d"], bad: &["4a5b 6c7d", "4a5b6c7d ", "é", "a\nb"] },
    Form {
        parameters: &["ZscalerClientSecret", "GatewayOAuthClientSecret"],
        good: &["", "a", "s3cr3t!$%{}", "with a space inside"],
        bad: &[" s3cr3t", "s3cr3t ", "s3cr3t\n", " "],
    },
    Form {
        parameters: &["ECRImageUri"],
        good: &[
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/zscaler/zscaler-mcp-server:latest",
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/mcp",
            "public.ecr.aws/alias/mcp@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/mcp:1.2.3@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ],
        bad: &[
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/mcp:la test",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/mcp:latest ",
            " 111122223333.dkr.ecr.us-east-1.amazonaws.com/mcp:latest",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/mcp:latest\n",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/mcp@sha256:abc",
            "https://111122223333.dkr.ecr.us-east-1.amazonaws.com/mcp:latest",
            "docker.io/zscaler/zscaler-mcp-server:latest",
        ],
    },
    Form {
        parameters: &["WriteToolsAllowlist", "DisabledTools"],
        good: &["", "zpa_create_*", "zpa_create_*, zia_update_?ule"],
        bad: &[",", " ", "zpa_create_*,", ",zpa_create_*", "zpa create", "zpa_create_*;zia_update_*", "a,,b"],
    },
    Form {
        parameters: &["Toolsets", "DisabledToolsets"],
        good: &["", "zia_url_filtering", "zia_url_filtering, zpa_app_segments"],
        bad: &[",", "zia_*", "zia url", "zia_url_filtering,", "zia_url_filtering;zpa_app_segments"],
    },
    Form {
        parameters: &["DisabledServices"],
        good: &["", "zcc,zdx", "zcc , zdx"],
        bad: &[",", "zcc zdx", "zcc,", "z*"],
    },
    Form {
        parameters: &[
            "JwtAllowedClients",
            "GatewayInboundAllowedAudience",
            "GatewayInboundAllowedScopes",
            "GatewayOAuthClientId",
            "GatewayOAuthProviderScopes",
        ],
        good: &["", "a", "https://mcp.example.com, b", "api://x/.default"],
        bad: &[",", ",a", "a,", "a b", " a", "a,,b"],
    },
    Form {
        parameters: &["JwtIssuer", "GatewayInboundIssuer"],
        good: &["", "https://tenant.eu.auth0.com/", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf123"],
        bad: &[
            "tenant.eu.auth0.com",
            "http://tenant.eu.auth0.com/",
            "https://",
            "https:///x",
            "https://a/?b",
            "https://a b",
        ],
    },
    Form {
        parameters: &["JwtJwksUri"],
        good: &["", "https://tenant.eu.auth0.com/.well-known/jwks.json", "https://idp.example.com/keys?tenant=a"],
        bad: &["https://tenant.eu.auth0.com", "http://a/jwks.json", "https:///jwks.json", "https://a/ jwks.json"],
    },
    Form {
        parameters: &["JwtDiscoveryUrl", "GatewayInboundDiscoveryUrl"],
        good: &[
            "",
            "https://idp.example.com/.well-known/openid-configuration",
            "https://idp.example.com/realms/a/.well-known/openid-configuration",
            "https://idp.example.com/.well-known/oauth-authorization-server/a",
        ],
        bad: &[
            "https://idp.example.com/",
            "https:///.well-known/openid-configuration",
            "idp/.well-known/openid-configuration",
        ],
    },
    Form { parameters: &["JwtAudience"], good: &["", "https://mcp.example.com"], bad: &["a b", " a"] },
    Form { parameters: &["ApiKey"], good: &["", "sk-0123"], bad: &["sk 0123", "sk-0123\n", "é"] },
    Form {
        parameters: &["AgentRuntimeName"],
        good: &["", "mcp_server"],
        bad: &["mcp-server", "1mcp", "a23456789012345678901234567890123456789012345678x"],
    },
    Form {
        parameters: &["ExistingSecretName"],
        good: &[
            "",
            "zscaler/mcp",
            "arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:zscaler/mcp-AbCdEf",
        ],
        bad: &[
            "zscaler mcp",
            "arn:aws:secretsmanager:us-east-1:111122223333:secret:zscaler/mcp",
            "arn:aws:s3:::bucket",
        ],
    },
    Form {
        parameters: &["SecretKmsKeyArn", "GatewayKmsKeyArn"],
        good: &["", "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555"],
        bad: &["alias/mcp", "arn:aws:kms:us-east-1:111122223333:alias/mcp", "0a1b2c3d-0000-1111-2222-333344445555"],
    },
    Form {
        parameters: &["VpcSubnetIds"],
        good: &["", "subnet-0a1b2c3d", "subnet-0a1b2c3d , subnet-0a1b2c3e"],
        bad: &["0a1b2c3d", "sg-0a1b2c3d", "subnet-0a1b2c3d,", "subnet-0a1b2c3d subnet-0a1b2c3e"],
    },
    Form {
        parameters: &["VpcSecurityGroupIds"],
        good: &["", "sg-0a1b2c3d", "sg-0a1b2c3d , sg-0a1b2c3e"],
        bad: &["default", "subnet-0a1b2c3d", "sg-0a1b2c3d,"],
    },
    Form {
        parameters: &["ExistingGatewayId"],
        good: &["", "tools-a1b2c3d4e5"],
        bad: &[
            "tools",
            "arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/tools-a1b2c3d4e5",
            "https://tools-a1b2c3d4e5",
        ],
    },
    Form {
        parameters: &["GatewayMcpVersions"],
        good: &["", "2025-06-18", "2025-06-18, 2025-11-25"],
        bad: &["latest", "2025-06-18,", "2025-06"],
    },
    Form { parameters: &["GatewayInboundClientClaimName"], good: &["", "azp", "https://x/c"], bad: &["a b", "a,b"] },
    Form {
        parameters: &["GatewayOAuthClientSecretArn"],
        good: &["", "arn:aws:secretsmanager:us-east-1:111122223333:secret:a!b/c-AbCdEf"],
        bad: &["a/c", "arn:aws:secretsmanager:us-east-1:111122223333:secret:a"],
    },
    Form {
        parameters: &["GatewayOAuthClientSecretJsonKey"],
        good: &["", "client_secret", "the key", "a"],
        bad: &[" a", "a ", "a\"b", "a\\b", "<a>"],
    },
    Form {
        parameters: &["GatewayOAuthProviderArn"],
        good: &[
            "",
            "arn:aws:bedrock-agentcore:us-east-1:111122223333:token-vault/default/oauth2credentialprovider/a-b",
        ],
        bad: &["a-b", "arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/a-a1b2c3d4e5"],
    },
    Form {
        parameters: &["GatewayOAuthCustomParameters", "GatewayToolSchemaJson"],
        good: &["", "{\"a\": \"b\"}", " {\n}\n"],
        bad: &["a=b", "[]", "{"],
    },
    Form {
        parameters: &["VerifyWithTool"],
        good: &["", "zia_list_locations", "tools/list.all-1"],
        bad: &["zia list", "zia_list_locations,", "*", "é"],
    },
    Form {
        parameters: &["ExtraEnvironment"],
        good: &["", r#"{"LOG_LEVEL": "debug"}"#, "{}", " {\n}\n"],
        bad: &["LOG_LEVEL=debug", r#"["LOG_LEVEL"]"#, r#""LOG_LEVEL""#, "{", "null"],
    },
    Form {
        parameters: &["Tags"],
        good: &["", r#"{"team": "platform"}"#, "{}"],
        bad: &["team=platform", r#"[{"Key": "team", "Value": "platform"}]"#, "{"],
    },
    Form { parameters: &["GatewayTokenEndpointQuery"], good: &["", "tenant=acme"], bad: &["?tenant=acme", "tenant"] },
    Form {
        parameters: &["GatewayToolSchemaS3Uri"],
        good: &["", "s3://bucket/tools.json"],
        bad: &["https://bucket.s3.amazonaws.com/tools.json", "s3://bucket", "s3://bucket/to ols.json"],
    },
    Form {
        parameters: &["PermissionsBoundaryArn"],
        good: &["", "arn:aws:iam::111122223333:policy/team/boundary", "arn:aws:iam::aws:policy/PowerUserAccess"],
        bad: &["boundary", "arn:aws:iam::111122223333:role/boundary", "arn:aws:iam::111122223333:policy/a b"],
    },
];

/// The parameters that both templates have.
const BOTH: &[Form] = &[
    Form {
        parameters: &["TokenVaultKmsKeyArn", "FunctionKmsKeyArn"],
        good: &["", "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d"],
        bad: &["alias/a", "arn:aws:kms:us-east-1:111122223333:key/*"],
    },
    Form {
        parameters: &["FunctionSubnetIds"],
        good: &["", "subnet-0a1b2c3d", "subnet-0a1b2c3d,subnet-0a1b2c3e"],
        bad: &["sg-0a1b2c3d", "subnet"],
    },
    Form {
        parameters: &["FunctionSecurityGroupIds"],
        good: &["", "sg-0a1b2c3d"],
        bad: &["subnet-0a1b2c3d", "default"],
    },
    Form {
        parameters: &["FunctionCodeSigningConfigArn"],
        good: &["", "arn:aws:lambda:us-east-1:111122223333:code-signing-config:csc-0123456789abcdef0"],
        bad: &["csc-0123456789abcdef0", "arn:aws:lambda:us-east-1:111122223333:function:csc-0123456789abcdef0"],
    },
    Form { parameters: &["FunctionReservedConcurrency"], good: &["", "1", "250"], bad: &["0", "-1", "10000", "many"] },
    Form {
        parameters: &["FunctionDeadLetterQueueArn"],
        good: &["", "arn:aws:sqs:us-east-1:111122223333:dead-letters"],
        bad: &[
            "dead-letters",
            "arn:aws:sqs:us-east-1:111122223333:events.fifo",
            "arn:aws:sns:us-east-1:111122223333:a",
        ],
    },
    Form {
        parameters: &["FunctionAlarmTopicArn"],
        good: &["", "arn:aws:sns:us-east-1:111122223333:alarms"],
        bad: &["alarms", "arn:aws:sns:us-east-1:111122223333:a.fifo", "arn:aws:sqs:us-east-1:111122223333:a"],
    },
];

const PROVISIONER: &[Form] = &[
    Form {
        parameters: &["IdentityProviderHosts"],
        good: &["", "tenant.auth0.com", "tenant.auth0.com,login.example.com"],
        bad: &["https://tenant.auth0.com", "tenant.auth0.com/", "*.auth0.com", "a b"],
    },
    Form { parameters: &["StackNamePattern"], good: &["*", "team-*"], bad: &["", "a b", "a,b"] },
    Form { parameters: &["NamePrefix"], good: &["mcp", "a1"], bad: &["", "Mcp", "m-cp", "1mcp", "mcp_"] },
    Form { parameters: &["SecretPrefix"], good: &["agentcore/", "a/b/"], bad: &["", "agentcore", "a b/"] },
    Form { parameters: &["RolePath"], good: &["/agentcore/", "/a/b/"], bad: &["", "/", "agentcore", "/a b/"] },
    Form {
        parameters: &["SubnetIds"],
        good: &["", "subnet-0a1b2c3d,subnet-0a1b2c3e"],
        bad: &["sg-0a1b2c3d", "subnet"],
    },
    Form { parameters: &["SecurityGroupIds"], good: &["", "sg-0a1b2c3d"], bad: &["subnet-0a1b2c3d", "default"] },
    Form {
        parameters: &["ReadableSecretArns"],
        good: &["", "arn:aws:secretsmanager:us-east-1:111122223333:secret:upstream/*"],
        bad: &["upstream/credentials", "arn:aws:secretsmanager:us-east-1:111122223333:secret:a b", "*"],
    },
    Form {
        parameters: &["SecretKmsKeyArns", "GatewayKmsKeyArns"],
        good: &["", "arn:aws:kms:us-east-1:111122223333:key/*"],
        bad: &["alias/a", "arn:aws:kms:us-east-1:111122223333:alias/a", "*"],
    },
    Form {
        parameters: &["RuntimeArns"],
        good: &["", "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/tools-*"],
        bad: &["tools-a1b2c3d4e5", "*"],
    },
    Form {
        parameters: &["GatewayArns"],
        good: &["", "arn:aws:bedrock-agentcore:us-east-1:111122223333:gateway/tools-*"],
        bad: &["tools-a1b2c3d4e5", "*"],
    },
    Form {
        parameters: &["CredentialProviderArns"],
        good: &["", "arn:aws:bedrock-agentcore:us-east-1:111122223333:token-vault/default/oauth2credentialprovider/a*"],
        bad: &["a", "*"],
    },
    Form {
        parameters: &["ToolSchemaArns"],
        good: &["", "arn:aws:s3:::bucket/tools/*"],
        bad: &["s3://bucket/tools.json", "arn:aws:s3:::bucket", "arn:aws:s3:::bucket/to ols.json"],
    },
    Form {
        parameters: &["PermissionsBoundaryArn"],
        good: &["", "arn:aws-cn:iam::111122223333:policy/boundary"],
        bad: &["boundary", "arn:aws:iam::111122223333:policy/a b"],
    },
];

/// Parameters for text, in which everything is allowed.
const FREE_TEXT: &[&str] = &["AgentDescription"];

/// Returns a template with this parameter alone, because the patterns of all of them take long to compile.
fn reduced(template: &str, parameter: &str) -> String {
    let (_, parameters) = template.split_once("\nParameters:\n").expect("the section");
    let (_, declaration) = parameters.split_once(&format!("  {parameter}:\n")).expect("the parameter");
    let declaration = declaration.split_inclusive('\n').take_while(|line| line.starts_with("    "));
    let declaration: String = declaration.collect();
    format!("Parameters:\n  {parameter}:\n{declaration}Resources:\n  Role:\n    Type: AWS::IAM::Role\n")
}

/// Returns CloudFormation's refusal of a value, or `None`. No stack is created, because the request lacks a capability.
async fn refusal(cloudformation: &CloudFormation, template: &str, parameter: &str, value: &str) -> Option<String> {
    let input = StackInput::uploaded("refused", template).parameter(parameter, value);
    let refusal = cloudformation.create_stack(input).await.expect_err("no capability");
    refusal.message.contains("failed to satisfy constraint").then_some(refusal.message)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn each_parameter_takes_the_forms_it_knows_and_refuses_others() {
    let aws = Aws::new(Settings::default());
    let cloudformation = CloudFormation::new(aws.clone(), Arc::new(handler::function(&aws)));
    for (path, forms) in [("template.yaml", TEMPLATE), ("provisioner.yaml", PROVISIONER)] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a readable file");
        let forms = || forms.iter().chain(BOTH);
        for form in forms() {
            for parameter in form.parameters {
                let template = reduced(&text, parameter);
                for value in form.good {
                    let refusal = refusal(&cloudformation, &template, parameter, value).await;
                    assert_eq!(refusal, None, "{path} {parameter} takes {value:?}");
                }
                for value in form.bad {
                    let refusal = refusal(&cloudformation, &template, parameter, value).await;
                    let sentence = refusal.unwrap_or_else(|| panic!("{path} {parameter} takes {value:?}"));
                    let expected = format!("Parameter '{parameter}' failed to satisfy constraint: must ");
                    assert!(sentence.contains(&expected), "{path} {parameter} {value:?}: {sentence}");
                }
            }
        }
        let declared = template_summary(&TemplateSource::Uploaded(text)).expect("a template").into_iter();
        let open = declared.filter(|(_, parameter)| parameter.allowed_values.is_empty()).map(|(name, _)| name);
        for name in open.filter(|name| !FREE_TEXT.contains(&name.as_str())) {
            assert!(forms().any(|form| form.parameters.contains(&name.as_str())), "{path}: no form of {name}");
        }
    }
    assert!(cloudformation.events().is_empty());
}

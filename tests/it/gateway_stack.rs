//! template.yaml with a gateway: created or attached to, tokens or signatures on either side.

use std::time::Duration;

use cloudformation::{TemplateSource, template_summary};
use emulator::agentcore_control::{ClientAuthentication, CredentialProvider};
use emulator::aws::ServiceId;
use emulator::faults::{Fault, FaultEffect};
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::service::Principal;
use emulator::settings::Settings;
use emulator::stacks::StackStatus;
use harness::handler;
use provisioner::mcp::{self, Credential, ServerUrl};
use serde_json::{Value, json};

use crate::deployment::{Deployment, NAME, SHARED_GATEWAY};
use crate::world::{PROBE, canary, put_role};

const ISSUER: &str = "https://tenant.auth0.com/";
const AUDIENCE: &str = "https://mcp.example.com";
const PARAMETERS: &str = r#"{"audience":"https://mcp.example.com","tenant_key":"cAnArY-tenant-key"}"#;
const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-333344445555";
const VAULT_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-1111-2222-666677778888";

/// Returns the parameters of a topology: who calls the gateway, and how the gateway calls the server.
fn topology(inbound: &str, outbound: &str) -> Vec<(&'static str, String)> {
    let mut parameters = vec![
        ("EnableAgentCoreGateway", "true".to_owned()),
        ("GatewayAuthorizerType", inbound.to_owned()),
        ("GatewayOutboundAuth", outbound.to_owned()),
    ];
    if inbound == "CUSTOM_JWT" {
        parameters.extend([
            ("GatewayInboundIssuer", ISSUER.to_owned()),
            ("GatewayInboundAllowedAudience", AUDIENCE.to_owned()),
        ]);
    }
    if outbound == "OAUTH" {
        parameters.extend([
            ("McpAuthMode", "jwt".to_owned()),
            ("JwtIssuer", ISSUER.to_owned()),
            ("JwtAudience", AUDIENCE.to_owned()),
            ("JwtJwksUri", format!("{ISSUER}.well-known/jwks.json")),
        ]);
    }
    if inbound == "CUSTOM_JWT" || outbound == "OAUTH" {
        parameters.extend([
            ("GatewayOAuthClientId", "app".to_owned()),
            ("GatewayOAuthClientSecret", canary("app")),
            ("GatewayOAuthCustomParameters", PARAMETERS.to_owned()),
        ]);
    }
    parameters
}

/// Creates a deployment with these parameters and the identity provider that they name.
fn deployment(parameters: &[(&'static str, String)]) -> Deployment {
    deployment_in(Settings { role_propagation: Duration::from_secs(8), ..Settings::default() }, parameters)
}

fn deployment_in(settings: Settings, parameters: &[(&'static str, String)]) -> Deployment {
    let borrowed: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let deployment = Deployment::with_settings(settings, &borrowed);
    let client = Client::new(&canary("app")).audiences(&[AUDIENCE]);
    let provider = Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", client);
    deployment.aws.with(|world| world.identity_providers.add(provider));
    deployment
}

/// Creates a gateway of somebody else and waits until it is READY. Returns its id.
async fn shared_gateway(deployment: &Deployment) -> String {
    let role = format!("arn:aws:iam::111122223333:role/{SHARED_GATEWAY}");
    put_role(&deployment.aws, &role, "bedrock-agentcore.amazonaws.com");
    let input = json!({"name": SHARED_GATEWAY, "roleArn": role, "protocolType": "MCP", "authorizerType": "AWS_IAM",
        "protocolConfiguration": {"mcp": {"supportedVersions": ["2025-06-18", "2025-11-25"]}}});
    let gateway = deployment.somebody(ServiceId::AgentCoreControl, "CreateGateway", input);
    tokio::time::sleep(deployment.aws.settings().gateway_transition).await;
    gateway["gatewayId"].as_str().expect("an id").to_owned()
}

fn gateway_document(deployment: &Deployment, id: &str) -> Value {
    deployment.somebody(ServiceId::AgentCoreControl, "GetGateway", json!({"gatewayIdentifier": id}))
}

/// Counts the gateways, the targets on them and the credential providers.
fn counts(deployment: &Deployment) -> [usize; 3] {
    let now = deployment.aws.clock().now();
    deployment.aws.with(|world| {
        let targets = world.agentcore.gateways(now).map(|gateway| gateway.targets(now).count()).sum();
        [world.agentcore.gateways(now).count(), targets, world.agentcore.credential_providers(now).count()]
    })
}

/// Returns the logical ids in the order in which their deletion ended.
fn deletion_order(deployment: &Deployment) -> Vec<String> {
    let events = deployment.cloudformation.events().into_iter();
    events.filter(|event| event.status.as_str() == "DELETE_COMPLETE").map(|event| event.logical_id).collect()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_topology_deploys_updates_its_authorizer_and_deletes() {
    for inbound in ["CUSTOM_JWT", "AWS_IAM"] {
        for outbound in ["GATEWAY_IAM_ROLE", "OAUTH"] {
            let mut deployment = deployment(&topology(inbound, outbound));
            let stack = deployment.create().await;
            deployment.expect(&stack, StackStatus::CreateComplete);
            let output = |name: &str| stack.output(name).unwrap_or_else(|| panic!("no output {name}"));
            assert_eq!((output("ToolCount"), output("GatewayToolCount")), ("3", "3"), "{inbound} {outbound}");
            assert!(output("GatewayVerificationResult").starts_with("PASSED"));
            assert_eq!(output("GatewayLifecycleMode"), "create");
            assert_eq!(counts(&deployment), [1, 1, usize::from(outbound == "OAUTH")]);
            assert_eq!(stack.output("OAuthCallbackUrl").is_some(), outbound == "OAUTH");

            if inbound == "CUSTOM_JWT" {
                deployment
                    .set(&[("GatewayInboundAllowedAudience", "https://other.example.com,https://mcp.example.com")]);
                let updated = deployment.update().await;
                deployment.expect(&updated, StackStatus::UpdateComplete);
                assert_eq!(updated.output("GatewayId"), stack.output("GatewayId"), "in place");
                let live = gateway_document(&deployment, output("GatewayId"));
                let audience = &live["authorizerConfiguration"]["customJWTAuthorizer"]["allowedAudience"];
                assert_eq!(audience.as_array().map(Vec::len), Some(2));
            }
            let deleted = deployment.delete().await;
            deployment.expect(&deleted, StackStatus::DeleteComplete);
            deployment.check_nothing_is_left();
            let order = deletion_order(&deployment);
            let place = |id: &str| order.iter().position(|it| it == id);
            for later in
                ["Gateway", "CredentialProvider", "Runtime", "Secret", "TargetPermissions", "ProviderPermissions"]
            {
                assert!(place(later).is_none_or(|it| place("GatewayTarget") < Some(it)), "{later}: {order:?}");
            }
            assert!(place("Runtime") < place("Secret") && place("Gateway") < place("GatewayPermissions"), "{order:?}");
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_existing_gateway_is_attached_to_and_never_touched() {
    let mut deployment = deployment(&[]);
    let gateway = shared_gateway(&deployment).await;
    let before = gateway_document(&deployment, &gateway);
    deployment.set(&[
        ("EnableAgentCoreGateway", "true"),
        ("GatewayMode", "attach"),
        ("GatewayAuthorizerType", "AWS_IAM"),
        ("ExistingGatewayId", &gateway),
    ]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    assert_eq!(stack.output("GatewayId"), Some(gateway.as_str()));
    assert_eq!(stack.output("GatewayToolCount"), Some("3"));
    deployment.set(&[("EnableWriteTools", "true"), ("WriteToolsAllowlist", "zpa_create_*")]);
    let updated = deployment.update().await;
    deployment.expect(&updated, StackStatus::UpdateComplete);
    let deleted = deployment.delete().await;
    deployment.expect(&deleted, StackStatus::DeleteComplete);
    deployment.check_nothing_is_left();
    assert_eq!(gateway_document(&deployment, &gateway), before);
}

/// The length of the longest tool name, `zms_get_agent_connection_status_statistics`.
const LONGEST_TOOL_CHARS: usize = 42;
/// The length that model APIs accept.
const TOOL_NAME_CHARS_MAX: usize = 64;

/// Returns the names of the targets of the account.
fn target_names(deployment: &Deployment) -> Vec<String> {
    let now = deployment.aws.clock().now();
    deployment.aws.with(|world| {
        let gateways = world.agentcore.gateways(now);
        gateways.flat_map(|gateway| gateway.targets(now)).map(|target| target.name.clone()).collect()
    })
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_longest_tool_name_fits_and_the_gateway_lists_all_tools_on_one_page() {
    for mode in ["create", "attach"] {
        let mut deployment = deployment(&topology("AWS_IAM", "GATEWAY_IAM_ROLE"));
        let shared = shared_gateway(&deployment).await;
        let existing = if mode == "attach" { &*shared } else { "" };
        deployment.set(&[("GatewayMode", mode), ("ExistingGatewayId", existing)]);
        deployment.set(&[("Toolsets", "zia_url_filtering, zpa_app_segments"), ("DisabledToolsets", "zia_admin")]);
        let stack = deployment.create().await;
        deployment.expect(&stack, StackStatus::CreateComplete);
        let names = target_names(&deployment);
        assert_eq!(names.len(), 1);
        let stack_guid = stack.id.rsplit('/').next().expect("a GUID");
        assert_eq!(names[0].contains(&stack_guid[..8]), mode == "attach", "{names:?}");
        assert!(names[0].len() + "___".len() + LONGEST_TOOL_CHARS <= TOOL_NAME_CHARS_MAX, "{names:?}");
        let environment = deployment.environment();
        assert_eq!(environment["ZSCALER_MCP_TOOLSETS"], "zia_url_filtering, zpa_app_segments");
        assert_eq!(environment["ZSCALER_MCP_DISABLED_TOOLSETS"], "zia_admin");

        let unpaginated = |deployment: &Deployment| {
            let gateway = gateway_document(deployment, stack.output("GatewayId").expect("an id"));
            gateway["protocolConfiguration"]["mcp"]["disableMcpListToolsPagination"].clone()
        };
        assert_eq!(unpaginated(&deployment), if mode == "create" { json!(true) } else { Value::Null });
        deployment.set(&[("GatewayDisableToolsPagination", "false")]);
        if mode == "create" {
            let updated = deployment.update().await;
            deployment.expect(&updated, StackStatus::UpdateComplete);
            assert_eq!(updated.output("GatewayId"), stack.output("GatewayId"), "in place");
            assert_eq!(unpaginated(&deployment), json!(false));
        } else {
            let refusal = deployment.cloudformation.update_stack(deployment.input()).await.expect_err("a Rule");
            assert!(refusal.message.contains("GatewayDisableToolsPagination"), "{}", refusal.message);
        }
        let deleted = deployment.delete().await;
        deployment.expect(&deleted, StackStatus::DeleteComplete);
        deployment.check_nothing_is_left();
    }
}

/// Lists the tools of the server as this principal, past the gateway. Returns the refusal, or nothing.
async fn refusal_of_direct_call(deployment: &Deployment, principal: &Principal) -> String {
    let url = deployment.cloudformation.resources(NAME)["Runtime"].attributes["McpUrl"].clone();
    let server = ServerUrl::parse(url.as_str().expect("a text")).expect("a URL");
    let context = handler::context(&deployment.aws, principal);
    let refusal = mcp::catalogue(&context, &server, &Credential::SigV4).await.err();
    refusal.map(|refusal| refusal.seen.map_or(refusal.problem, |seen| seen.text)).unwrap_or_default()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_locked_runtime_answers_its_gateway_and_nobody_else_until_an_update_unlocks_it() {
    let mut deployment = deployment(&topology("AWS_IAM", "GATEWAY_IAM_ROLE"));
    deployment.set(&[("LockRuntimeToGateway", "true")]);
    let created = deployment.create().await;
    deployment.expect(&created, StackStatus::CreateComplete);
    assert_eq!((created.output("ToolCount"), created.output("GatewayToolCount")), (Some("3"), Some("3")));
    put_role(&deployment.aws, "arn:aws:iam::111122223333:role/powerful", "lambda.amazonaws.com");
    let powerful = Principal::Role("arn:aws:iam::111122223333:role/powerful".to_owned());
    let probes = |deployment: &Deployment| {
        let requests = deployment.cloudformation.requests();
        requests.iter().filter(|request| request.event["ResourceType"] == PROBE.resource_type).count()
    };
    for caller in [&powerful, &Principal::Administrator] {
        let refusal = refusal_of_direct_call(&deployment, caller).await;
        assert!(refusal.contains("explicit deny in a resource-based policy"), "{refusal}");
    }
    deployment.set(&[("LockRuntimeToGateway", "false")]);
    let before = probes(&deployment);
    let unlocked = deployment.update().await;
    deployment.expect(&unlocked, StackStatus::UpdateComplete);
    assert_eq!(refusal_of_direct_call(&deployment, &powerful).await, "");
    deployment.set(&[("LockRuntimeToGateway", "true")]);
    let locked = deployment.update().await;
    deployment.expect(&locked, StackStatus::UpdateComplete);
    assert_eq!(probes(&deployment) - before, 4, "the server and the gateway are verified after each change");
    assert_eq!(unlocked.output("AgentRuntimeVersion"), Some("1"), "a policy is not a version");
    assert_ne!(refusal_of_direct_call(&deployment, &powerful).await, "");

    // The gateway goes, and with it the role that the policy names.
    deployment.set(&[("LockRuntimeToGateway", "false"), ("EnableAgentCoreGateway", "false")]);
    deployment.set(&[("GatewayAuthorizerType", "CUSTOM_JWT"), ("GatewayOutboundAuth", "")]);
    let alone = deployment.update().await;
    deployment.expect(&alone, StackStatus::UpdateComplete);
    assert_eq!(refusal_of_direct_call(&deployment, &powerful).await, "");
    deployment.set(&[("LockRuntimeToGateway", "true")]);
    let refusal = deployment.cloudformation.update_stack(deployment.input()).await.expect_err("a Rule").message;
    assert!(refusal.contains("LockRuntimeToGateway=true needs a gateway of the stack"), "{refusal}");
    let deleted = deployment.delete().await;
    deployment.expect(&deleted, StackStatus::DeleteComplete);
    deployment.aws.with(|world| world.iam.delete_role("powerful"));
    deployment.check_nothing_is_left();
}

/// An update deletes resources under the policy that allows it: the policy goes last.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_comes_and_goes_by_updates() {
    let mut deployment = deployment(&[]);
    let none = deployment.parameters.clone();
    let created = deployment.create().await;
    deployment.expect(&created, StackStatus::CreateComplete);
    let gateway = shared_gateway(&deployment).await;
    let with = |parameters: Vec<(&'static str, String)>| {
        let mut all = none.clone();
        all.extend(parameters.into_iter().map(|(name, value)| (name.to_owned(), value)));
        all
    };
    let attach = vec![
        ("EnableAgentCoreGateway", "true".to_owned()),
        ("GatewayMode", "attach".to_owned()),
        ("GatewayAuthorizerType", "AWS_IAM".to_owned()),
        ("ExistingGatewayId", gateway),
    ];
    for (parameters, expected) in [
        (with(topology("CUSTOM_JWT", "OAUTH")), [2, 1, 1]),
        (with(topology("AWS_IAM", "GATEWAY_IAM_ROLE")), [2, 1, 0]),
        (with(attach), [1, 1, 0]),
        (with(topology("CUSTOM_JWT", "GATEWAY_IAM_ROLE")), [2, 1, 0]),
        (none.clone(), [1, 0, 0]),
    ] {
        deployment.parameters = parameters;
        let stack = deployment.update().await;
        deployment.expect(&stack, StackStatus::UpdateComplete);
        assert_eq!(counts(&deployment), expected, "{:#?}\n{:#?}", deployment.parameters, deployment.reasons());
    }
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

/// The rollback could not restore the version and created another gateway, which nothing pointed to.
#[tokio::test(flavor = "local", start_paused = true)]
async fn fewer_versions_roll_back_to_the_same_gateway() {
    let mut deployment = deployment(&topology("AWS_IAM", "GATEWAY_IAM_ROLE"));
    deployment.set(&[("GatewayMcpVersions", "2025-06-18,2025-11-25")]);
    let created = deployment.create().await;
    deployment.expect(&created, StackStatus::CreateComplete);
    let effect = FaultEffect::BecomesFailed("the image is broken".to_owned());
    let operation = Some("UpdateAgentRuntime".to_owned());
    deployment.aws.faults().add(Fault { service: None, operation, nth: 1, count: 1, effect });
    deployment.set(&[
        ("GatewayMcpVersions", "2025-06-18"),
        ("EnableWriteTools", "true"),
        ("WriteToolsAllowlist", "zpa_create_*"),
    ]);
    let rolled_back = deployment.update().await;
    deployment.expect(&rolled_back, StackStatus::UpdateRollbackComplete);
    assert_eq!(rolled_back.output("GatewayId"), created.output("GatewayId"));
    assert_eq!(counts(&deployment), [1, 1, 0]);
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn combinations_that_cannot_work_are_refused_before_anything_is_created() {
    let jwt = topology("CUSTOM_JWT", "GATEWAY_IAM_ROLE");
    let iam = topology("AWS_IAM", "GATEWAY_IAM_ROLE");
    let oauth = topology("AWS_IAM", "OAUTH");
    for (base, changes, expected) in [
        (&iam, vec![("GatewayMode", "attach")], "needs ExistingGatewayId"),
        (&iam, vec![("ExistingGatewayId", "tools-a1b2c3d4e5")], "only works with GatewayMode=attach"),
        (&oauth, vec![("GatewayOutboundAuth", "GATEWAY_IAM_ROLE")], "takes tokens, not signatures"),
        (&iam, vec![("GatewayOutboundAuth", "OAUTH")], "needs McpAuthMode=jwt"),
        (&oauth, vec![("GatewayOAuthClientSecret", "")], "needs a client to call the server with"),
        (&oauth, vec![("GatewayOAuthProviderGrantType", "AUTHORIZATION_CODE")], "need GatewayToolSchemaJson"),
        (&iam, vec![("GatewayToolSchemaJson", "{}"), ("GatewayToolSchemaS3Uri", "s3://bucket/key")], "not both"),
        (&jwt, vec![("GatewayInboundIssuer", "")], "needs GatewayInboundIssuer or"),
        (
            &jwt,
            vec![("GatewayInboundAllowedAudience", ""), ("GatewayOAuthClientId", ""), ("GatewayOAuthClientSecret", "")],
            "needs GatewayInboundAllowedAudience",
        ),
        (&iam, vec![("GatewayInboundIssuer", ISSUER)], "only work with GatewayAuthorizerType=CUSTOM_JWT"),
        (&jwt, vec![("EnableAgentCoreGateway", "false")], "only work with EnableAgentCoreGateway=true"),
        (&iam, vec![("GatewayOAuthClientSecret", "secret")], "needs GatewayOAuthClientId"),
        (
            &iam,
            vec![
                ("LockRuntimeToGateway", "true"),
                ("GatewayMode", "attach"),
                ("ExistingGatewayId", "tools-a1b2c3d4e5"),
            ],
            "needs a gateway of the stack",
        ),
        (&oauth, vec![("LockRuntimeToGateway", "true")], "does not work with McpAuthMode=jwt"),
    ] {
        let mut deployment = deployment(base);
        deployment.set(&changes);
        let refusal = deployment.refused_create().await;
        assert!(refusal.contains(expected), "{changes:?}: {refusal}");
        deployment.check_nothing_is_left();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_refusal_by_aws_or_the_idp_is_one_sentence() {
    let jwt = topology("CUSTOM_JWT", "GATEWAY_IAM_ROLE");
    let iam = topology("AWS_IAM", "GATEWAY_IAM_ROLE");
    let oauth = topology("AWS_IAM", "OAUTH");
    let attach = [("GatewayMode", "attach"), ("ExistingGatewayId", "tools-a1b2c3d4e5")];
    let bad_schema = r#"{"tools": [{"name": 1}]}"#;
    for (base, changes, expected) in [
        (&iam, attach.to_vec(), "tools-a1b2c3d4e5"),
        (&iam, vec![("GatewayToolSchemaJson", bad_schema)], "`ToolSchema`"),
        (&oauth, vec![("GatewayOAuthCustomParameters", r#"{"audience": ["x"]}"#)], "`CustomParameters"),
        (&oauth, vec![("GatewayOAuthClientSecret", "wrong")], "client"),
        (&jwt, vec![("GatewayOAuthClientSecret", "wrong")], "client"),
        (&jwt, vec![("GatewayInboundIssuer", "https://nobody.auth0.com/")], "cannot be reached"),
        (&jwt, vec![("GatewayOAuthCustomParameters", "")], "audience"),
        (&jwt, vec![("GatewayInboundAllowedAudience", "https://another.example.com")], "`aud`"),
        (&jwt, vec![("GatewayOAuthClientId", "app,other")], "`AllowedAudience`"),
    ] {
        let mut deployment = deployment(base);
        deployment.set(&changes);
        let stack = deployment.create().await;
        deployment.expect(&stack, StackStatus::RollbackComplete);
        let reasons: Vec<_> = deployment.reasons().into_iter().filter(|it| it.contains("CREATE_FAILED")).collect();
        assert!(reasons.iter().any(|reason| reason.contains(expected)), "{changes:?}: {reasons:#?}");
        deployment.delete().await;
        deployment.check_nothing_is_left();
    }
}

/// Settings of a gateway were accepted without a gateway, and had no effect.
#[tokio::test(flavor = "local", start_paused = true)]
async fn every_setting_of_a_gateway_needs_one() {
    let template = TemplateSource::Uploaded(include_str!("../../template.yaml").to_owned());
    let declared = template_summary(&template).expect("a template");
    let names = declared.keys().filter(|name| name.starts_with("Gateway") || *name == "ExistingGatewayId");
    for name in names {
        let value = match name.as_str() {
            "ExistingGatewayId" => "tools-a1b2c3d4e5",
            "GatewayMode" => "attach",
            "GatewayMcpVersions" => "2025-06-18",
            "GatewayDisableToolsPagination" => "false",
            "GatewayAuthorizerType" => "AWS_IAM",
            "GatewayInboundDiscoveryUrl" => "https://tenant.auth0.com/.well-known/openid-configuration",
            "GatewayInboundIssuer" => ISSUER,
            "GatewayOAuthClientSecretArn" => "arn:aws:secretsmanager:us-east-1:111122223333:secret:client-aBcDeF",
            "GatewayOutboundAuth" => "OAUTH",
            "GatewayOAuthProviderArn" => {
                "arn:aws:bedrock-agentcore:us-east-1:111122223333:token-vault/default/oauth2credentialprovider/idp"
            }
            "GatewayOAuthProviderGrantType" => "TOKEN_EXCHANGE",
            "GatewayOAuthCustomParameters" => PARAMETERS,
            "GatewayOAuthClientAuthentication" => "CLIENT_SECRET_POST",
            "GatewayTokenEndpointQuery" => "tenant=acme",
            "GatewayToolSchemaJson" => "{}",
            "GatewayToolSchemaS3Uri" => "s3://bucket/key",
            "GatewayKmsKeyArn" => KEY,
            _ => "text",
        };
        let mut deployment = deployment(&[]);
        deployment.set(&[(name, value)]);
        let refusal = deployment.refused_create().await;
        assert!(refusal.contains("only work with EnableAgentCoreGateway=true"), "{name}: {refusal}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_gateway_authenticates_as_the_template_says() {
    let mut deployment = deployment(&topology("AWS_IAM", "OAUTH"));
    let authentication = |deployment: &Deployment| {
        let now = deployment.aws.clock().now();
        let found = |provider: &CredentialProvider| provider.client_authentication;
        deployment.aws.with(|world| world.agentcore.credential_providers(now).map(found).collect::<Vec<_>>())
    };
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    assert_eq!(authentication(&deployment), [ClientAuthentication::Basic], "what the discovery document lists");
    deployment.set(&[("GatewayOAuthClientAuthentication", "CLIENT_SECRET_POST")]);
    let updated = deployment.update().await;
    deployment.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(authentication(&deployment), [ClientAuthentication::Post]);
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

/// The keys' policies leave the decision to IAM. The gateway's role uses its key while a target is created.
#[tokio::test(flavor = "local", start_paused = true)]
async fn keys_of_the_gateway_and_of_the_token_vault_are_used_under_the_templates_policies() {
    let settings = Settings { token_vault_key: Some(VAULT_KEY.to_owned()), ..Settings::default() };
    let mut parameters = topology("CUSTOM_JWT", "OAUTH");
    parameters.push(("GatewayKmsKeyArn", KEY.to_owned()));
    let mut deployment = deployment_in(settings, &parameters);
    let refused = deployment.create().await;
    deployment.expect(&refused, StackStatus::RollbackComplete);
    assert!(deployment.reasons().iter().any(|it| it.contains("Access to KMS")), "{:#?}", deployment.reasons());
    deployment.delete().await;
    deployment.set(&[("TokenVaultKmsKeyArn", VAULT_KEY)]);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    assert_eq!(stack.output("GatewayToolCount"), Some("3"));
    let gateway = stack.output("GatewayId").expect("an output");
    assert_eq!(gateway_document(&deployment, gateway)["kmsKeyArn"], KEY);
    deployment.set(&[("GatewayKmsKeyArn", VAULT_KEY)]);
    let updated = deployment.update().await;
    deployment.expect(&updated, StackStatus::UpdateComplete);
    assert_ne!(updated.output("GatewayId"), Some(gateway), "AgentCore cannot change the key of a gateway");
    assert_eq!(counts(&deployment), [1, 1, 1], "{:#?}", deployment.reasons());
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

/// AgentCore reads the schema with the permissions of the function or of the gateway, and both see this account only.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_tool_schema_in_s3_is_read_in_this_account_by_the_function_and_the_gateway() {
    let mut parameters = topology("AWS_IAM", "GATEWAY_IAM_ROLE");
    parameters.push(("GatewayToolSchemaS3Uri", "s3://schemas/tools.json".to_owned()));
    let deployment = deployment(&parameters);
    let schema = br#"{"tools":[{"name":"one","inputSchema":{"type":"object"}}]}"#;
    deployment.aws.with(|world| world.objects.put("s3://schemas/tools.json", schema.to_vec()));
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    assert_eq!(stack.output("GatewayToolCount"), Some("1"));
    let statements: Vec<Value> = deployment.aws.with(|world| {
        let policies = world.iam.roles().flat_map(|role| role.policies.clone());
        let statements = policies.flat_map(|policy| policy["Statement"].as_array().cloned().unwrap_or_default());
        statements.filter(|statement| statement["Action"] == "s3:GetObject").collect()
    });
    assert_eq!(statements.len(), 2, "{statements:?}");
    for statement in statements {
        assert_eq!(statement["Resource"], "arn:aws:s3:::schemas/tools.json");
        assert_eq!(statement["Condition"]["StringEquals"]["s3:ResourceAccount"], "111122223333");
    }
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

/// One policy for gateway and tokens was too long with a long secret's name and S3 key.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_policies_fit_with_the_longest_parameters() {
    let place = "us-gov-west-1:111122223333";
    let name = "n".repeat(512);
    let secret = format!("arn:aws-us-gov:secretsmanager:{place}:secret:{name}-aBcDeF");
    let provider = format!(
        "arn:aws-us-gov:bedrock-agentcore:{place}:token-vault/default/oauth2credentialprovider/{}",
        &name[..128]
    );
    let gateway = format!("{}-a1b2c3d4e5", &name[..100]);
    let schema = format!("s3://{}/{name}", &name[..63]);
    let key = format!("arn:aws-us-gov:kms:{place}:key/0a1b2c3d-0000-1111-2222-333344445555");
    let create = [("GatewayMode", "create"), ("GatewayInboundIssuer", ISSUER)];
    let attach = [("GatewayMode", "attach"), ("ExistingGatewayId", &*gateway)];
    for (mode, provider) in [(create, &*provider), (create, ""), (attach, &*provider), (attach, "")] {
        let settings =
            Settings { partition: "aws-us-gov".to_owned(), region: "us-gov-west-1".to_owned(), ..Settings::default() };
        let mut deployment = Deployment::with_settings(settings, &mode);
        deployment.set(&[
            ("AgentRuntimeName", &name[..48]),
            ("CredentialSource", "UseExisting"),
            ("ExistingSecretName", &secret),
            ("ZscalerClientId", ""),
            ("ZscalerClientSecret", ""),
            ("ZscalerVanityDomain", ""),
            ("ZscalerCustomerId", ""),
            ("SecretKmsKeyArn", &key),
            ("NetworkMode", "VPC"),
            ("VpcSubnetIds", "subnet-0a1b2c3d"),
            ("VpcSecurityGroupIds", "sg-0a1b2c3d"),
            ("McpAuthMode", "jwt"),
            ("JwtIssuer", ISSUER),
            ("JwtAudience", AUDIENCE),
            ("JwtJwksUri", "https://tenant.auth0.com/.well-known/jwks.json"),
            ("EnableAgentCoreGateway", "true"),
            ("GatewayOAuthClientId", "app"),
            ("GatewayOAuthClientSecretArn", &secret),
            ("GatewayOAuthClientSecretJsonKey", "client_secret"),
            ("GatewayOAuthProviderArn", provider),
            ("GatewayToolSchemaS3Uri", &schema),
            ("TokenVaultKmsKeyArn", &key),
            ("FunctionSubnetIds", "subnet-0a1b2c3d"),
            ("FunctionSecurityGroupIds", "sg-0a1b2c3d"),
            ("FunctionKmsKeyArn", &key),
            ("FunctionDeadLetterQueueArn", &format!("arn:aws-us-gov:sqs:{place}:{}", &name[..80])),
        ]);
        if mode == create {
            deployment.set(&[("GatewayKmsKeyArn", &key)]);
        }
        let mut input = deployment.input();
        input.name = "s".repeat(128);
        deployment.cloudformation.create_stack(input).await.expect("the template is valid");
        // The policies exist, and nothing else that the parameters name.
        let events = deployment.cloudformation.events();
        let made = |id: &str| events.iter().any(|it| it.logical_id == id && it.status.as_str() == "CREATE_COMPLETE");
        for id in ["FunctionRole", "RuntimePermissions", "TargetPermissions"] {
            assert!(made(id), "{id}: {:#?}", deployment.reasons());
        }
        assert_eq!(made("GatewayPermissions"), mode == create, "{:#?}", deployment.reasons());
        assert_eq!(made("ProviderPermissions"), provider.is_empty(), "{:#?}", deployment.reasons());
    }
}

crate::platform::repeat_on_v2! {
    "gateway_stack.rs":
    every_topology_deploys_updates_its_authorizer_and_deletes
    a_locked_runtime_answers_its_gateway_and_nobody_else_until_an_update_unlocks_it
    an_existing_gateway_is_attached_to_and_never_touched
    a_gateway_comes_and_goes_by_updates
    the_longest_tool_name_fits_and_the_gateway_lists_all_tools_on_one_page
    fewer_versions_roll_back_to_the_same_gateway
    a_refusal_by_aws_or_the_idp_is_one_sentence
    keys_of_the_gateway_and_of_the_token_vault_are_used_under_the_templates_policies
    ; not the_gateway_authenticates_as_the_template_says
    a_tool_schema_in_s3_is_read_in_this_account_by_the_function_and_the_gateway
    combinations_that_cannot_work_are_refused_before_anything_is_created
    every_setting_of_a_gateway_needs_one
    the_policies_fit_with_the_longest_parameters
}

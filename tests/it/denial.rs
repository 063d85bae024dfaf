//! Policies that refuse permanently: of the organization, the boundary, the session, the resource and the VPC endpoint.
//! The function makes one attempt and names who can change the policy.

use emulator::container::Behaviour;
use emulator::iam::Guardrail;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::gateway_target::{GATEWAY_ROLE, Scene};
use crate::world::{
    API_KEY, EXECUTION_ROLE, Event, GATEWAY, IDENTITY, IMAGE, PROVIDER, RUNTIME, SECRET, World, canary,
};
use emulator::stacks::StackStatus;

const ISSUER: &str = "https://tenant.auth0.com/";

fn statement(effect: &str, action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": "*"}]})
}

/// Denies an action by an explicit statement, or by allowing everything else.
fn limit(world: &World, kind: Guardrail, action: &str, explicit: bool) {
    let documents = if explicit {
        vec![statement("Allow", "*"), statement("Deny", action)]
    } else {
        vec![json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": action, "Resource": "*"}]})]
    };
    world.aws.with(|world| world.iam.put_guardrail(kind, documents));
}

/// Returns who can change a policy of the kind, in the words of the answer.
fn who(kind: Guardrail) -> &'static str {
    match kind {
        Guardrail::ServiceControl | Guardrail::ResourceControl => "ask the organization's administrators to allow it",
        Guardrail::PermissionsBoundary => "set another boundary",
        Guardrail::Session => "whoever assumes the function's role",
        Guardrail::Resource => "the policy of the resource that AWS names denies it",
        Guardrail::VpcEndpoint => "the policy of the VPC endpoint that the function's calls go through forbids it",
    }
}

/// Returns the event for every type's first call that changes something, with the service that refuses it.
async fn cases() -> (Scene, Vec<(Event, &'static str, &'static str)>) {
    let scene = Scene::new().await;
    let provider = Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", Client::new(&canary("client")));
    scene.world.aws.with(|world| {
        world.identity_providers.add(provider);
        world.containers.behave(Behaviour::default());
    });
    let cases = vec![
        (SECRET.create(json!({"SecretName": "new", "Values": {"A": "1"}})), "secretsmanager", "CreateSecret"),
        (
            RUNTIME.create(json!({"AgentRuntimeName": "new", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE})),
            "bedrock-agentcore",
            "CreateAgentRuntime",
        ),
        (
            PROVIDER.create(json!({"Issuer": ISSUER, "ClientId": "app", "ClientSecret": canary("client")})),
            "bedrock-agentcore",
            "CreateOauth2CredentialProvider",
        ),
        (API_KEY.create(json!({"ApiKey": canary("key")})), "bedrock-agentcore", "CreateApiKeyCredentialProvider"),
        (IDENTITY.create(json!({})), "bedrock-agentcore", "CreateWorkloadIdentity"),
        (
            GATEWAY.create(json!({"AuthorizerType": "AWS_IAM", "RoleArn": GATEWAY_ROLE})),
            "bedrock-agentcore",
            "CreateGateway",
        ),
        (scene.create(json!({})), "bedrock-agentcore", "CreateGatewayTarget"),
        (
            RUNTIME.create(json!({"AgentRuntimeName": "new", "ContainerUri": IMAGE, "RoleArn": EXECUTION_ROLE,
                "SecretId": "existing", "CredentialDelivery": "EnvironmentVariables"})),
            "secretsmanager",
            "GetSecretValue",
        ),
    ];
    (scene, cases)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_permanent_denial_is_met_once_and_names_its_policy() {
    for kind in Guardrail::ALL {
        let (mut scene, cases) = cases().await;
        for (event, service, operation) in cases {
            for explicit in [true, false] {
                if !explicit && matches!(kind, Guardrail::Resource | Guardrail::ResourceControl) {
                    continue;
                }
                limit(&scene.world, kind, &format!("{service}:{operation}"), explicit);
                let before = scene.world.call_count();
                let answer = scene.world.send(event.clone()).await;
                let reason = answer.failure();
                let what = format!("{operation} {kind:?} explicit: {explicit}: {reason}");
                assert!(reason.contains(kind.name()) && reason.contains(who(kind)), "{what}");
                assert!(!reason.contains("grant it") && !reason.contains("check the name"), "{what}");
                let calls = scene.world.calls_since(before);
                assert_eq!(calls.iter().filter(|call| **call == operation).count(), 1, "{what}: {calls:?}");
            }
        }
        scene.world.aws.with(|world| world.iam.put_guardrail(kind, vec![]));
        let (event, ..) = self::cases().await.1.remove(0);
        scene.world.send(event).await.success();
    }
}

/// AgentCore calls the server as the gateway's role, and quotes the refusal in the target's status reasons.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_gateway_that_may_not_call_its_server_is_tried_once_and_names_the_policy() {
    for kind in Guardrail::ALL {
        let mut scene = Scene::new().await;
        limit(&scene.world, kind, "bedrock-agentcore:InvokeAgentRuntime", true);
        let before = scene.world.call_count();
        let create = scene.create(json!({}));
        let answer = scene.world.send(create).await;
        let (reason, who) = (answer.failure(), who(kind).replace("the function's", "the gateway's"));
        assert!(reason.contains(kind.name()) && reason.contains(&who), "{kind:?}: {reason}");
        let calls = scene.world.calls_since(before);
        assert_eq!(calls.iter().filter(|call| **call == "CreateGatewayTarget").count(), 1, "{calls:?}");
        assert!(!calls.contains(&"SynchronizeGatewayTargets") && !calls.contains(&"UpdateGatewayTarget"), "{calls:?}");
    }
}

/// A role's own Deny does not disappear with time either.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_roles_own_deny_is_met_once_and_its_missing_permission_is_waited_for() {
    for (deny, calls_at_most) in [(true, 1), (false, usize::MAX)] {
        let mut world = World::new();
        world.aws.with(|world| {
            let mut role = world.iam.role(crate::world::FUNCTION_ROLE).expect("it").clone();
            if deny {
                role.policies.push(statement("Deny", "secretsmanager:CreateSecret"));
            } else {
                role.policies =
                    ["secretsmanager:Get*", "cloudformation:DescribeStacks"].map(|it| statement("Allow", it)).into();
            }
            world.iam.put_role(role);
        });
        let event = SECRET.create(json!({"Values": {"A": "1"}}));
        let answer = world.send(event).await;
        let calls = world.calls_since(0).iter().filter(|call| **call == "CreateSecret").count();
        assert!(calls <= calls_at_most && (deny || calls > 1), "{calls}");
        let advice = if deny { "remove that Deny statement or narrow it" } else { "grant it to the function's role" };
        assert!(answer.failure().ends_with(advice), "{}", answer.reason());
    }
}

/// An organization's policy denies every service that the function of template.yaml calls, one at a time.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_stack_that_the_organization_forbids_says_so_and_can_be_deleted() {
    let gateway = [
        ("EnableAgentCoreGateway", "true"),
        ("GatewayAuthorizerType", "AWS_IAM"),
        ("GatewayOutboundAuth", "GATEWAY_IAM_ROLE"),
    ];
    for (action, parameters) in [
        ("secretsmanager:CreateSecret", &[][..]),
        ("bedrock-agentcore:CreateAgentRuntime", &[]),
        ("bedrock-agentcore:CreateGateway", &gateway),
        ("bedrock-agentcore:CreateGatewayTarget", &gateway),
    ] {
        let deployment = Deployment::new(parameters);
        let documents = vec![statement("Allow", "*"), statement("Deny", action)];
        deployment.aws.with(|world| world.iam.put_guardrail(Guardrail::ServiceControl, documents));
        let stack = deployment.create().await;
        deployment.expect(&stack, StackStatus::RollbackComplete);
        let reasons: Vec<_> = deployment.reasons().into_iter().filter(|it| it.contains("Message returned")).collect();
        assert_eq!(reasons.len(), 1, "{action}: {reasons:#?}");
        assert!(reasons[0].contains(who(Guardrail::ServiceControl)) && reasons[0].contains(action), "{reasons:#?}");
        deployment.delete().await;
        deployment.check_nothing_is_left();
    }
}

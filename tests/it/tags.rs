//! The user's tags on everything that the function creates, in an organization that demands them.

use std::collections::BTreeMap;

use cloudformation::{Capability, StackInput};
use emulator::iam::Guardrail;
use emulator::identity_provider::{ClaimStyle, Client, Provider};
use emulator::stacks::StackStatus;
use serde_json::json;

use crate::deployment::Deployment;
use crate::provisioner_account::{ProvisionerAccount, read};
use crate::world::canary;

const ISSUER: &str = "https://tenant.auth0.com/";
const CREATES: [&str; 4] = [
    "secretsmanager:CreateSecret",
    "bedrock-agentcore:CreateAgentRuntime",
    "bedrock-agentcore:CreateGateway",
    "bedrock-agentcore:CreateOauth2CredentialProvider",
];

/// Creates a deployment of everything that the function can create, in an organization that demands the tag
/// `cost-center`.
fn deployment(tags: &str) -> Deployment {
    let secret = canary("app");
    let deployment = Deployment::new(&[
        ("Tags", tags),
        ("EnableAgentCoreGateway", "true"),
        ("GatewayAuthorizerType", "AWS_IAM"),
        ("McpAuthMode", "jwt"),
        ("JwtIssuer", ISSUER),
        ("JwtAudience", "https://mcp.example.com"),
        ("JwtJwksUri", "https://tenant.auth0.com/.well-known/jwks.json"),
        ("GatewayOAuthClientId", "app"),
        ("GatewayOAuthClientSecret", &secret),
        ("GatewayOAuthCustomParameters", r#"{"audience":"https://mcp.example.com"}"#),
    ]);
    let client = Client::new(&secret).audiences(&["https://mcp.example.com"]);
    let provider = Provider::new(ClaimStyle::Auth0, ISSUER).with_client("app", client);
    deployment.aws.with(|world| world.identity_providers.add(provider));
    let full = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    // The secret that AgentCore keeps for a provider cannot be given tags when it is created.
    let demand = json!({"Statement": [
        {"Effect": "Deny", "Action": CREATES[1..], "Resource": "*", "Condition": {"Null": {"aws:RequestTag/cost-center": "true"}}},
        {"Effect": "Deny", "Action": CREATES[0], "NotResource": "arn:aws:secretsmanager:*:*:secret:bedrock-agentcore-identity!*",
            "Condition": {"Null": {"aws:RequestTag/cost-center": "true"}}},
    ]});
    deployment.aws.with(|world| world.iam.put_guardrail(Guardrail::ServiceControl, vec![full, demand]));
    deployment
}

/// Returns the tags without the function's own, by the kind of resource that has them.
fn tags(deployment: &Deployment) -> BTreeMap<&'static str, BTreeMap<String, String>> {
    let now = deployment.aws.clock().now();
    let mut found = deployment.aws.with(|world| {
        let secret = world.secrets.secrets().find(|secret| secret.name.starts_with("zscaler-mcp/"));
        BTreeMap::from([
            ("secret", secret.expect("it").tags.clone()),
            ("runtime", world.agentcore.runtimes(now).next().expect("it").tags.clone()),
            ("gateway", world.agentcore.gateways(now).next().expect("it").tags.clone()),
            ("provider", world.agentcore.credential_providers(now).next().expect("it").tags.clone()),
        ])
    });
    for (what, tags) in &mut found {
        assert!(tags.contains_key("agentcore-provisioner:stack-id"), "{what}");
        tags.retain(|key, _| !key.starts_with("agentcore-provisioner:"));
    }
    found
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_organization_that_demands_a_tag_gets_it_everywhere() {
    let mut deployment = deployment(r#"{"cost-center": "4711", "team": "platform"}"#);
    let stack = deployment.create().await;
    deployment.expect(&stack, StackStatus::CreateComplete);
    for (what, tags) in tags(&deployment) {
        assert_eq!(json!(tags), json!({"cost-center": "4711", "team": "platform"}), "{what}");
    }
    deployment.set(&[("Tags", r#"{"cost-center": "4712", "owner": "ada"}"#)]);
    let updated = deployment.update().await;
    deployment.expect(&updated, StackStatus::UpdateComplete);
    for output in ["AgentRuntimeId", "AgentRuntimeVersion", "GatewayId", "SecretArn", "GatewayOAuthProviderArn"] {
        assert_eq!(updated.output(output), stack.output(output), "in place");
    }
    for (what, tags) in tags(&deployment) {
        assert_eq!(json!(tags), json!({"cost-center": "4712", "owner": "ada"}), "{what}");
    }
    deployment.delete().await;
    deployment.check_nothing_is_left();
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn without_the_tag_the_organization_refuses_the_stack() {
    for tags in ["", r#"{"team": "platform"}"#] {
        let deployment = deployment(tags);
        let stack = deployment.create().await;
        deployment.expect(&stack, StackStatus::RollbackComplete);
        let forbidden = |it: &&String| it.contains("CREATE_FAILED") && it.contains("in a service control policy");
        let reasons = deployment.reasons();
        let reason = reasons.iter().find(forbidden).unwrap_or_else(|| panic!("{reasons:#?}"));
        assert!(CREATES.iter().any(|action| reason.contains(&format!("not allowed to call {action}: "))), "{reason}");
        deployment.delete().await;
        deployment.check_nothing_is_left();
    }
}

/// This runs under the policies of provisioner.yaml.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_shared_function_may_set_change_and_remove_tags() {
    let account = ProvisionerAccount::new(&[]).await;
    let template = |tags: &str| {
        let timeout = "      ServiceTimeout: 3600\n";
        read("examples/two-runtimes-one-gateway.yaml").replace(timeout, &format!("{timeout}      Tags: {tags}\n"))
    };
    let parameters =
        [("Name", "mcp_tools"), ("OrdersRepository", "orders"), ("StockRepository", "stock"), ("ImageTag", "1")];
    let input = |tags: &str| {
        let input = StackInput::uploaded("shared", template(tags)).capability(Capability::Iam);
        parameters.iter().fold(input, |input, (name, value)| input.parameter(*name, *value))
    };
    let found = |account: &ProvisionerAccount| {
        let now = account.aws.clock().now();
        account.aws.with(|world| {
            let runtimes = world.agentcore.runtimes(now).map(|runtime| runtime.tags.clone());
            let tags = runtimes.chain(world.agentcore.gateways(now).map(|gateway| gateway.tags.clone()));
            tags.map(|mut tags| {
                tags.retain(|key, _| !key.starts_with("agentcore-provisioner:"));
                json!(tags)
            })
            .collect::<Vec<_>>()
        })
    };
    let created = account.cloudformation.create_stack(input("{team: one, gone: x}")).await.expect("a valid request");
    account.expect(&created, StackStatus::CreateComplete);
    assert_eq!(found(&account), vec![json!({"team": "one", "gone": "x"}); 3]);
    let updated = account.cloudformation.update_stack(input("{team: two, new: z}")).await.expect("a valid request");
    account.expect(&updated, StackStatus::UpdateComplete);
    assert_eq!(found(&account), vec![json!({"team": "two", "new": "z"}); 3]);
    account.expect(&account.delete("shared").await, StackStatus::DeleteComplete);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn tags_that_aws_does_not_take_are_refused_in_a_sentence() {
    let many: BTreeMap<String, &str> = (0..49).map(|number| (format!("tag-{number}"), "x")).collect();
    let cases = [
        (r#"{"team": }"#.to_owned(), "`Tags` is a string, but not a JSON object (at line 1 column 10)"),
        (r#"{"aws:team": "x"}"#.to_owned(), "`Tags.aws:team` has the reserved prefix `aws:`; choose another key"),
        (r#"{"AWS:team": "x"}"#.to_owned(), "`Tags.AWS:team` has the reserved prefix `aws:`"),
        (
            r#"{"agentcore-provisioner:stack-id": "x"}"#.to_owned(),
            "`Tags.agentcore-provisioner:stack-id` has the reserved prefix `agentcore-provisioner:`",
        ),
        (json!(many).to_string(), "`Tags` has 49 entries; use at most 48"),
        (r#"{"": "x"}"#.to_owned(), "`Tags` has an entry without a key"),
        (json!({"k".repeat(129): "x"}).to_string(), "128"),
        (json!({"team": "x".repeat(257)}).to_string(), "256"),
        (r#"{"team": "a,b"}"#.to_owned(), "`Tags.team` has a character that tags cannot have"),
        (r#"{"team": {"a": "b"}}"#.to_owned(), "`Tags.team`"),
    ];
    for source in ["CreateNew", "UseExisting"] {
        for (tags, expected) in &cases {
            let deployment = Deployment::new(&[("Tags", tags), ("CredentialSource", source)]);
            let stack = deployment.create().await;
            deployment.expect(&stack, StackStatus::RollbackComplete);
            let failures: Vec<_> = deployment.reasons().into_iter().filter(|it| it.contains("CREATE_FAILED")).collect();
            assert!(failures.len() == 1 && failures[0].contains(expected), "{expected}: {failures:#?}");
            deployment.delete().await;
            deployment.check_nothing_is_left();
        }
    }
}

//! The policy of a runtime and of its endpoint, which says who may call them.

use emulator::aws::ServiceId;
use emulator::identity_provider::ClaimStyle;
use emulator::stacks::StackStatus;
use serde_json::{Value, json};

use super::{properties, with};
use crate::world::{FUNCTION_ROLE, REGION_ACCOUNT, RUNTIME, World, merged};

const GATEWAY_ROLE: &str = "arn:aws:iam::111122223333:role/team/gateway";

/// Returns the ARNs of a runtime and of its endpoint.
fn arns(id: &str) -> [String; 2] {
    let arn = format!("arn:aws:bedrock-agentcore:{REGION_ACCOUNT}:runtime/{id}");
    [arn.clone(), format!("{arn}/runtime-endpoint/DEFAULT")]
}

fn put_policy(world: &World, arn: &str, action: &str) {
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": {"AWS": GATEWAY_ROLE},
        "Action": action, "Resource": arn}]});
    let input = json!({"resourceArn": arn, "policy": policy.to_string()});
    world.somebody(ServiceId::AgentCoreControl, "PutResourcePolicy", input);
}

/// Returns the ARN of a session of a role.
fn session(role: &str, name: &str) -> String {
    format!("arn:aws:sts::111122223333:assumed-role/{role}/{name}")
}

/// Returns the calls about policies since call number `from`.
fn policy_calls(world: &World, from: usize) -> Vec<&'static str> {
    world.calls_since(from).into_iter().filter(|operation| operation.ends_with("ResourcePolicy")).collect()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn allowed_callers_are_let_in_and_nobody_else_until_an_update_undoes_it() {
    let mut world = World::new();
    let locked = with(json!({"AllowedCallers": [GATEWAY_ROLE, FUNCTION_ROLE]}));
    let id = world.send(RUNTIME.create(locked.clone())).await.success().physical_id();
    for arn in arns(&id) {
        let callers = json!({"aws:PrincipalArn": [GATEWAY_ROLE, FUNCTION_ROLE]});
        let statement = |sid: &str, effect: &str, action: &str, operator: &str| {
            json!({"Sid": sid, "Effect": effect, "Principal": "*", "Action": format!("bedrock-agentcore:{action}"),
                "Condition": {operator: callers}, "Resource": arn})
        };
        let statements = [
            statement("AllowCallers", "Allow", "InvokeAgentRuntime", "ArnEquals"),
            statement("DenyOthers", "Deny", "Invoke*", "ArnNotEquals"),
        ];
        assert_eq!(world.resource_policies()[&arn], json!({"Version": "2012-10-17", "Statement": statements}));
    }
    let from = world.call_count();
    let mut described = locked.clone();
    described["Description"] = json!("another");
    described["AllowedCallers"] = json!([FUNCTION_ROLE, GATEWAY_ROLE]);
    world.send(RUNTIME.update(&id, described.clone(), locked)).await.success();
    assert_eq!(policy_calls(&world, from), ["GetResourcePolicy"; 2], "the order of callers says nothing");
    world.send(RUNTIME.update(&id, properties(), described)).await.success();
    assert!(world.resource_policies().is_empty());
    let from = world.call_count();
    world.send(RUNTIME.update(&id, properties(), properties())).await.success();
    world.send(RUNTIME.delete(&id, properties())).await.success();
    assert!(policy_calls(&world, from).is_empty(), "a runtime that never had a policy needs no permission for one");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_policy_of_ones_own_gets_the_arns_and_follows_its_property() {
    let mut world = World::new();
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "bedrock-agentcore:InvokeAgentRuntime",
        "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-0a1b2c3d"}}});
    let allow = json!({"Effect": "Allow", "Principal": {"AWS": GATEWAY_ROLE}, "Resource": "*",
        "Action": ["bedrock-agentcore:InvokeAgentRuntime"]});
    let one = with(json!({"ResourcePolicy": {"Version": "2012-10-17", "Statement": [deny]}}));
    let text = json!({"Statement": allow}).to_string();
    let two = with(json!({"ResourcePolicy": text}));
    let id = world.send(RUNTIME.create(one.clone())).await.success().physical_id();
    for arn in arns(&id) {
        let mut statement = deny.clone();
        statement["Resource"] = json!(arn);
        assert_eq!(world.resource_policies()[&arn], json!({"Version": "2012-10-17", "Statement": [statement]}));
    }
    world.send(RUNTIME.update(&id, two.clone(), one)).await.success();
    for arn in arns(&id) {
        let statement = &world.resource_policies()[&arn]["Statement"][0];
        assert_eq!((&statement["Resource"], &statement["Principal"]), (&json!(arn), &allow["Principal"]));
    }
    world.send(RUNTIME.delete(&id, two)).await.success();
    assert!(world.resource_policies().is_empty(), "it goes with the runtime");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_policy_of_somebody_else_stays() {
    let mut world = World::new();
    let id = world.send(RUNTIME.create(properties())).await.success().physical_id();
    let [arn, _] = arns(&id);
    put_policy(&world, &arn, "bedrock-agentcore:InvokeAgentRuntime");
    let foreign = world.resource_policies();
    let described = with(json!({"Description": "another"}));
    world.send(RUNTIME.update(&id, described.clone(), properties())).await.success();
    let locked = with(json!({"AllowedCallers": FUNCTION_ROLE}));
    let refused = world.send(RUNTIME.update(&id, locked.clone(), described.clone())).await;
    let sentence = format!(
        "a resource policy on {arn} exists and belongs to someone else; delete that policy and repeat the operation"
    );
    assert!(refused.failure().contains(&sentence), "{}", refused.reason());
    world.send(RUNTIME.update(&id, described.clone(), locked.clone())).await.success();
    assert_eq!(world.resource_policies(), foreign);

    world.somebody(ServiceId::AgentCoreControl, "DeleteResourcePolicy", json!({"resourceArn": arn}));
    world.send(RUNTIME.update(&id, locked.clone(), described.clone())).await.success();
    put_policy(&world, &arn, "bedrock-agentcore:InvokeAgentRuntimeForUser");
    let changed = world.resource_policies()[&arn].clone();
    world.send(RUNTIME.update(&id, described, locked)).await.success();
    let left: Vec<_> = world.resource_policies().into_iter().collect();
    assert_eq!(left, [(arn, changed)], "ours is deleted, and what somebody put in its place is not");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_policy_that_is_shown_in_another_form_is_taken_back() {
    let mut world = World::new();
    let statement = |action: &str| json!({"Effect": "Allow", "Principal": {"AWS": [GATEWAY_ROLE]}, "Action": [action]});
    let statements =
        [statement("bedrock-agentcore:InvokeAgentRuntime"), statement("bedrock-agentcore:GetAgentRuntime")];
    let locked = with(json!({"ResourcePolicy": {"Statement": statements}}));
    let id = world.send(RUNTIME.create(locked.clone())).await.success().physical_id();
    assert_eq!(world.resource_policies().len(), 2);
    world.send(RUNTIME.update(&id, properties(), locked)).await.success();
    assert!(world.resource_policies().is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_policy_stays_if_nobody_knows_what_the_template_asked_for_before() {
    let mut world = World::new();
    let id = world.send(RUNTIME.create(properties())).await.success().physical_id();
    let [arn, _] = arns(&id);
    put_policy(&world, &arn, "bedrock-agentcore:InvokeAgentRuntime");
    let foreign = world.resource_policies();
    let (locked, unreadable) = (with(json!({"AllowedCallers": FUNCTION_ROLE})), with(json!({"AllowedCallers": "x"})));
    let refused = world.send(RUNTIME.update(&id, locked.clone(), unreadable.clone())).await;
    assert!(refused.failure().contains("exists and belongs to someone else"), "{}", refused.reason());
    assert_eq!(world.resource_policies(), foreign);
    world.stack_status(StackStatus::UpdateRollbackInProgress);
    world.send(RUNTIME.update(&id, locked, unreadable)).await.success();
    assert_eq!(world.resource_policies()[&arn], foreign[&arn], "a rollback succeeds and leaves it");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_policy_that_locks_the_function_out_is_refused_before_anything_is_created() {
    let mut world = World::new();
    let statement = |principal: Value, action: &str, condition: Value| {
        json!({"ResourcePolicy": {"Statement": [{"Effect": "Deny", "Principal": principal, "Condition": condition,
            "Action": format!("bedrock-agentcore:{action}")}]}})
    };
    let not_arn = |operator: &str, arn: &str| json!({operator: {"AWS:PrincipalArn": arn}});
    let account = json!({"AWS": "arn:aws:iam::111122223333:root"});
    let role_name = FUNCTION_ROLE.rsplit('/').next().expect("a name");
    let role =
        format!("`ResourcePolicy` denies the function's own role {FUNCTION_ROLE} the action `bedrock-agentcore:");
    let leaves_out =
        format!("`AllowedCallers` leaves out the function's own role, which verifies the runtime; add {FUNCTION_ROLE}");
    for (given, sentence) in [
        (json!({"AllowedCallers": GATEWAY_ROLE}), &leaves_out),
        (statement(json!("*"), "Invoke*", json!({})), &role),
        (statement(json!({"AWS": "*"}), "invokeagentruntime", json!({})), &role),
        (statement(json!({"AWS": [FUNCTION_ROLE]}), "UpdateAgentRuntime", json!({})), &role),
        (statement(account, "Delete*Policy", json!({})), &role),
        (statement(json!({"AWS": session(role_name, "fn")}), "Invoke*", json!({})), &role),
        (statement(json!({"AWS": "111122223333"}), "*", json!({})), &role),
        (statement(json!("*"), "*", not_arn("ArnNotEquals", GATEWAY_ROLE)), &role),
        (statement(json!("*"), "*", not_arn("StringNotLikeIfExists", "arn:aws:iam::*:role/team/*")), &role),
        (statement(json!("*"), "*", json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}})), &role),
    ] {
        let refused = world.send(RUNTIME.create(with(given.clone()))).await;
        assert!(refused.failure().contains(sentence.as_str()), "{given}: {}", refused.reason());
    }
    world.environment.clear();
    let refused = world.send(RUNTIME.create(with(json!({"AllowedCallers": FUNCTION_ROLE})))).await;
    let sentence = "give it the environment variable FUNCTION_ROLE_ARN";
    assert!(refused.failure().contains(sentence), "{}", refused.reason());
    assert!(world.calls_since(0).is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_policy_that_spares_the_function_passes() {
    let mut world = World::new();
    let others = json!({"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::111122223333:role/func*", GATEWAY_ROLE]}});
    for (principal, action, condition) in [
        (json!("*"), "*", others),
        (json!("*"), "*", json!({"Bool": {"aws:SecureTransport": "false"}})),
        (json!({"AWS": [GATEWAY_ROLE, "444455556666"]}), "*", json!({})),
        (json!({"AWS": session("gateway", "one")}), "*", json!({})),
        (json!("*"), "InvokeAgentRuntimeForUser", json!({})),
    ] {
        let statement = json!({"Effect": "Deny", "Principal": principal, "Condition": condition,
            "Action": format!("bedrock-agentcore:{action}")});
        let given = with(json!({"ResourcePolicy": {"Statement": statement}}));
        let id = world.send(RUNTIME.create(given.clone())).await.success().physical_id();
        world.send(RUNTIME.delete(&id, given)).await.success();
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_policy_that_agentcore_would_refuse_gets_a_sentence() {
    let mut world = World::new();
    let good = json!({"Effect": "Allow", "Principal": "*", "Action": "bedrock-agentcore:InvokeAgentRuntime"});
    let bad = |element: &str, value: Value| {
        let mut statement = good.clone();
        statement[element] = value;
        json!({"ResourcePolicy": {"Statement": [statement]}})
    };
    for (given, sentence) in [
        (json!({"ResourcePolicy": {"Statement": []}}), "`ResourcePolicy` has no Statement"),
        (json!({"ResourcePolicy": {"Statement": [good], "Version": "2008-10-17"}}), "has the Version \"2008-10-17\""),
        (json!({"ResourcePolicy": {"Statement": [good], "Id": "x"}}), "has the member \"Id\""),
        (json!({"ResourcePolicy": {"Statement": ["x"]}}), "a statement that is not an object"),
        (json!({"ResourcePolicy": "x"}), "is a string, but not a JSON object"),
        (bad("Effect", json!("Maybe")), "whose Effect is neither Allow nor Deny"),
        (bad("Action", json!("s3:GetObject")), "whose Action is not of AgentCore"),
        (bad("Action", json!(["bedrock-agentcore:X", 1])), "whose Action is not of AgentCore"),
        (bad("Principal", json!("somebody")), "without a Principal"),
        (bad("Principal", json!({"AWS": []})), "without a Principal"),
        (bad("NotPrincipal", json!("*")), "with the element \"NotPrincipal\""),
        (bad("Resource", json!("arn:aws:x")), "with a Resource; leave it out"),
        (bad("Condition", json!({"Bool": "true"})), "whose Condition does not have the form"),
        (json!({"AllowedCallers": "gateway"}), "`AllowedCallers` contains \"gateway\"; use ARNs of roles and users"),
        (json!({"AllowedCallers": "arn:aws:sts::111122223333:assumed-role/a/b"}), "use ARNs of roles and users"),
        (json!({"AllowedCallers": "arn:aws:iam::111122223333:role/*"}), "without wildcards"),
        (json!({"AllowedCallers": FUNCTION_ROLE, "ResourcePolicy": {"Statement": [good]}}), "together with"),
    ] {
        let refused = world.send(RUNTIME.create(with(given.clone()))).await;
        assert!(refused.failure().contains(sentence), "{given}: {}", refused.reason());
    }
    assert!(world.calls_since(0).is_empty());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn callers_with_tokens_have_no_name_in_a_policy() {
    let mut world = World::new();
    let issuer = "https://tenant.auth0.com/";
    world.identity_provider(ClaimStyle::Auth0, issuer);
    let jwt =
        |policy: Value| merged(with(json!({"InboundAuth": "JWT", "Issuer": issuer, "AllowedAudience": "api"})), policy);
    let statement = |effect: &str, principal: Value, condition: Value| {
        json!({"Effect": effect, "Principal": principal, "Condition": condition,
            "Action": "bedrock-agentcore:InvokeAgentRuntime"})
    };
    let policy = |statements: &[Value]| jwt(json!({"ResourcePolicy": {"Statement": statements}}));
    let from_vpc = json!({"StringEquals": {"aws:SourceVpc": "vpc-0a1b2c3d"}});
    let admits = statement("Allow", json!("*"), from_vpc);
    let not_named = json!({"ArnNotEquals": {"aws:PrincipalArn": FUNCTION_ROLE}});
    for (given, sentence) in [
        (jwt(json!({"AllowedCallers": FUNCTION_ROLE})), "has no effect when `InboundAuth` is JWT"),
        (policy(&[statement("Allow", json!({"AWS": FUNCTION_ROLE}), json!({}))]), "write `Principal: \"*\"`"),
        (policy(&[statement("Deny", json!("*"), not_named.clone())]), "`ResourcePolicy` admits no token"),
        (policy(&[admits.clone(), statement("Deny", json!("*"), not_named)]), "denies every caller with a token"),
    ] {
        let refused = world.send(RUNTIME.create(given.clone())).await;
        assert!(refused.failure().contains(sentence), "{given}: {}", refused.reason());
    }
    assert!(world.calls_since(0).is_empty());
    world.send(RUNTIME.create(policy(&[admits]))).await.success();
}

crate::platform::repeat_on_v2! {
    "resource_policy.rs":
    allowed_callers_are_let_in_and_nobody_else_until_an_update_undoes_it
    a_policy_of_ones_own_gets_the_arns_and_follows_its_property
    a_policy_of_somebody_else_stays
    a_policy_that_is_shown_in_another_form_is_taken_back
    a_policy_stays_if_nobody_knows_what_the_template_asked_for_before
    a_policy_that_locks_the_function_out_is_refused_before_anything_is_created
    a_policy_that_spares_the_function_passes
    a_policy_that_agentcore_would_refuse_gets_a_sentence
    callers_with_tokens_have_no_name_in_a_policy
}

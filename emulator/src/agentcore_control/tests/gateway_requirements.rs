//! The permissions that the calls of gateways, targets and credential providers need.

use serde_json::json;

use super::gateway::gateway;
use super::gateway_target::{oauth, server, target};
use super::oauth2_credential_provider::{external, provider};
use super::{Account, ROLE, with};
use crate::iam::Requirement;

fn arn(resource: &str) -> String {
    format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:{resource}")
}

/// Actions without their service, and resources without what all ARNs have in common.
fn short(needed: &[Requirement]) -> Vec<String> {
    let prefix = arn("");
    let short = |need: &Requirement| {
        let action = need.action.strip_prefix("bedrock-agentcore:").unwrap_or(&need.action);
        format!("{action} {}", need.resource.strip_prefix(&prefix).unwrap_or(&need.resource))
    };
    needed.iter().map(short).collect()
}

#[test]
fn a_gateway_needs_its_role_and_its_identity() {
    let mut account = Account::new();
    let key = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-000000000000";
    let input = with(with(gateway("Tools"), "tags", json!({"stack": "s"})), "kmsKeyArn", json!(key));
    let needed = account.needs("CreateGateway", input.clone());
    let id = account.create_gateway(input);
    let identity = format!("workload-identity-directory/default/workload-identity/{id}");
    let mut expected = vec![
        "CreateGateway *".to_owned(),
        format!("CreateWorkloadIdentity {identity}"),
        format!("iam:PassRole {ROLE}"),
        format!("TagResource gateway/{id}"),
    ];
    expected.extend(["CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey"].map(|it| format!("kms:{it} {key}")));
    assert_eq!(short(&needed), expected);
    assert_eq!(needed[0].context["aws:RequestTag/stack"], ["s"]);
    let encrypted = "kms:EncryptionContext:aws:bedrock-agentcore-gateway:arn";
    assert_eq!(needed[4].context[encrypted], [arn(&format!("gateway/{id}"))]);
    assert_eq!(needed[2].context["iam:PassedToService"], ["bedrock-agentcore.amazonaws.com"]);

    let change = with(gateway("Tools"), "gatewayIdentifier", json!(id));
    let needed = account.needs("UpdateGateway", change);
    assert_eq!(short(&needed), [format!("UpdateGateway gateway/{id}"), format!("iam:PassRole {ROLE}")]);
    assert_eq!(needed[0].context["aws:ResourceTag/stack"], ["s"]);
    let needed = account.needs("DeleteGateway", json!({"gatewayIdentifier": id}));
    let expected = [format!("DeleteGateway gateway/{id}"), format!("DeleteWorkloadIdentity {identity}")];
    assert_eq!(short(&needed), expected);
    assert_eq!(account.needs("ListGateways", json!({}))[0].resource, "*");
    let tagged = account.needs("TagResource", json!({"resourceArn": arn(&format!("gateway/{id}")), "tags": {"a": ""}}));
    assert_eq!(tagged[0].context["aws:ResourceTag/stack"], ["s"]);
}

#[test]
fn a_target_needs_what_its_synchronization_needs() {
    let (mut account, id) = Account::with_gateway();
    let provider = account.ok("CreateOauth2CredentialProvider", provider("idp"));
    let provider_arn = provider["credentialProviderArn"].as_str().expect("an ARN").to_owned();
    let secret = provider["clientSecretArn"]["secretArn"].as_str().expect("an ARN").to_owned();
    let input = with(
        target(&id, "one", &server(&json!({}))),
        "credentialProviderConfigurations",
        oauth(&provider_arn, "CLIENT_CREDENTIALS"),
    );
    let needed = account.needs("CreateGatewayTarget", input.clone());
    let (gateway, identity) =
        (format!("gateway/{id}"), format!("workload-identity-directory/default/workload-identity/{id}"));
    let connect = [
        "GetAgentRuntime runtime/server-abcdefghij".to_owned(),
        "GetWorkloadAccessToken workload-identity-directory/default".to_owned(),
        format!("GetWorkloadAccessToken {identity}"),
        "GetWorkloadAccessTokenForUserId workload-identity-directory/default".to_owned(),
        format!("GetWorkloadAccessTokenForUserId {identity}"),
        format!("GetResourceOauth2Token {identity}"),
        "GetResourceOauth2Token token-vault/default".to_owned(),
        "GetResourceOauth2Token token-vault/default/oauth2credentialprovider/idp".to_owned(),
        format!("secretsmanager:GetSecretValue {secret}"),
    ];
    let mut expected = vec![format!("CreateGatewayTarget {gateway}"), format!("SynchronizeGatewayTargets {gateway}")];
    expected.extend(connect.clone());
    assert_eq!(short(&needed), expected);

    let made = account.ok("CreateGatewayTarget", input);
    let list = json!({"gatewayIdentifier": id, "targetIdList": [made["targetId"]]});
    let mut expected = vec![format!("SynchronizeGatewayTargets {gateway}")];
    expected.extend(connect);
    assert_eq!(short(&account.needs("SynchronizeGatewayTargets", list)), expected);

    let s3 = json!({"endpoint": "https://example.com/mcp", "mcpToolSchema": {"s3": {"uri": "s3://bucket/a/b.json"}}});
    let needed = account.needs("CreateGatewayTarget", target(&id, "two", &server(&s3)));
    let expected = [format!("CreateGatewayTarget {gateway}"), "s3:GetObject arn:aws:s3:::bucket/a/b.json".to_owned()];
    assert_eq!(short(&needed), expected);
}

#[test]
fn a_provider_needs_its_vault_and_its_secret() {
    let mut account = Account::new();
    let input = with(provider("idp"), "tags", json!({"stack": "s"}));
    let needed = account.needs("CreateOauth2CredentialProvider", input.clone());
    let made = account.ok("CreateOauth2CredentialProvider", input);
    let secret = made["clientSecretArn"]["secretArn"].as_str().expect("an ARN").to_owned();
    let (vault, own) = ("token-vault/default", "token-vault/default/oauth2credentialprovider/idp");
    let manage = |actions: &[&str]| -> Vec<String> {
        actions.iter().map(|action| format!("secretsmanager:{action} {secret}")).collect()
    };
    let mut expected = vec![
        format!("CreateOauth2CredentialProvider {own}"),
        format!("CreateOauth2CredentialProvider {vault}"),
        format!("CreateTokenVault {vault}"),
        format!("GetTokenVault {vault}"),
        format!("TagResource {own}"),
    ];
    let all = ["CreateSecret", "PutSecretValue", "UpdateSecret", "DescribeSecret", "TagResource", "DeleteSecret"];
    expected.extend(manage(&all));
    assert_eq!(short(&needed), expected);

    let arn = account.put_secret(r#"{"key": "hunter2"}"#);
    let second = account.needs("CreateOauth2CredentialProvider", external("second", &arn));
    let reads = [format!("secretsmanager:DescribeSecret {arn}"), format!("secretsmanager:GetSecretValue {arn}")];
    assert_eq!(short(&second[2..]), reads, "the vault exists by now");

    let needed = account.needs("UpdateOauth2CredentialProvider", provider("idp"));
    assert_eq!(needed[0].context["aws:ResourceTag/stack"], ["s"]);
    assert!(needed[1].context.is_empty(), "the vault has none of the provider's tags");
    assert_eq!(short(&needed[2..]), manage(&["DescribeSecret", "PutSecretValue", "UpdateSecret"]));
    let needed = account.needs("DeleteOauth2CredentialProvider", json!({"name": "idp"}));
    assert_eq!(short(&needed[2..]), manage(&["DescribeSecret", "DeleteSecret"]));
    assert_eq!(account.needs("GetOauth2CredentialProvider", json!({"name": "idp"})).len(), 2);
    assert_eq!(account.needs("ListOauth2CredentialProviders", json!({}))[0].resource, "*");
}

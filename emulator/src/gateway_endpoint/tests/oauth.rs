//! Targets whose gateway gets tokens from an identity provider.

use serde_json::json;

use super::*;

const ACCOUNT: &str = "arn:aws:bedrock-agentcore:us-east-1:111122223333";

/// Creates a runtime for the pool's client `gateway`, a gateway in `DEBUG`, and a credential provider with that secret.
async fn scene(secret: &str) -> (Scene, String) {
    let runtime = authorizer(json!({"allowedClients": ["gateway"], "allowedScopes": ["tools/invoke"]}));
    let gateway = json!({"authorizerType": "AWS_IAM", "exceptionLevel": "DEBUG"});
    let scene = Scene::with(Behaviour::default(), runtime, gateway).await;
    let provider = scene.control("CreateOauth2CredentialProvider", provider(secret));
    let arn = text(&provider, "credentialProviderArn");
    (scene, arn)
}

fn provider(secret: &str) -> Value {
    let discovery = json!({"discoveryUrl": format!("{ISSUER}/.well-known/openid-configuration")});
    json!({"name": "idp", "credentialProviderVendor": "CustomOauth2", "oauth2ProviderConfigInput": {
        "customOauth2ProviderConfig": {"clientId": "gateway", "clientSecret": secret, "oauthDiscovery": discovery}}})
}

fn oauth(provider_arn: &str, scopes: &[&str]) -> Value {
    json!({"credentialProviderType": "OAUTH", "credentialProvider": {"oauthCredentialProvider": {
        "providerArn": provider_arn, "scopes": scopes}}})
}

#[tokio::test(start_paused = true)]
async fn tokens_open_the_runtime() {
    let (scene, arn) = scene("secret").await;
    let target = scene.create_target(scene.target_input("zcc", Some(oauth(&arn, &["tools/invoke"])))).await;
    assert_eq!(scene.outcome(&target), ("READY", None));
    assert_eq!(scene.list().await.names().len(), 3);
    assert_eq!(scene.call("zcc___tool_001").await.said(), ("tool_001 was called", false));
    let requests = scene.aws.with(|world| world.identity_providers.requests().to_vec());
    let asked: Vec<_> = requests.iter().map(|request| (request.method.as_str(), request.status)).collect();
    // Once for the catalogue, once for the call.
    assert_eq!(asked, [("GET", Some(200)), ("POST", Some(200)), ("GET", Some(200)), ("POST", Some(200))]);

    scene.aws.with(|world| {
        let pool = world.identity_providers.provider_mut(ISSUER).expect("the pool");
        pool.clients.get_mut("gateway").expect("the client").secret = "rotated".to_owned();
    });
    let refused = scene.call("zcc___tool_001").await;
    assert!(refused.said().1 && refused.said().0.contains("invalid_client"), "{}", refused.text);
    scene.control("UpdateOauth2CredentialProvider", provider("rotated"));
    assert_eq!(scene.call("zcc___tool_001").await.said(), ("tool_001 was called", false));
}

#[tokio::test(start_paused = true)]
async fn what_the_identity_provider_refuses_fails() {
    let begins = "Failed to connect and fetch tools from the provided MCP target server: no access token: ";
    let (scene, arn) = scene("wrong").await;
    let target = scene.create_target(scene.target_input("secret", Some(oauth(&arn, &[])))).await;
    let (status, reason) = scene.outcome(&target);
    assert_eq!(status, "FAILED");
    assert!(reason.is_some_and(|it| it.starts_with(begins) && it.contains("invalid_client")), "{reason:?}");
    scene.control("UpdateOauth2CredentialProvider", provider("secret"));
    let target = scene.create_target(scene.target_input("scope", Some(oauth(&arn, &["tools/admin"])))).await;
    let (status, reason) = scene.outcome(&target);
    assert_eq!(status, "FAILED");
    assert!(reason.is_some_and(|it| it.starts_with(begins) && it.contains("invalid_scope")), "{reason:?}");
    scene.aws.with(|world| {
        let pool = world.identity_providers.provider_mut(ISSUER).expect("the pool");
        pool.basic = false;
    });
    let target = scene.create_target(scene.target_input("basic", Some(oauth(&arn, &[])))).await;
    assert_eq!(scene.outcome(&target).0, "FAILED", "the default is client_secret_basic");
    let mut posts = provider("secret");
    posts["oauth2ProviderConfigInput"]["customOauth2ProviderConfig"]["clientAuthenticationMethod"] =
        json!("CLIENT_SECRET_POST");
    scene.control("UpdateOauth2CredentialProvider", posts);
    let target = scene.create_target(scene.target_input("post", Some(oauth(&arn, &[])))).await;
    assert_eq!(scene.outcome(&target), ("READY", None));
}

#[tokio::test(start_paused = true)]
async fn the_role_needs_every_permission_on_every_resource() {
    let (scene, provider) = scene("secret").await;
    let now = scene.aws.clock().now();
    let (identity, secret) = scene.aws.with(|world| {
        let gateway = world.agentcore.gateway(&scene.gateway_id, now).expect("the gateway");
        let provider = world.agentcore.credential_provider_by_arn(&provider, now).expect("the provider");
        (gateway.workload_identity_arn.clone(), provider.secret.secret_arn().to_owned())
    });
    let directory = format!("{ACCOUNT}:workload-identity-directory/default");
    let vault = format!("{ACCOUNT}:token-vault/default");
    let needed = [
        ("bedrock-agentcore:GetWorkloadAccessToken", &directory),
        ("bedrock-agentcore:GetWorkloadAccessToken", &identity),
        ("bedrock-agentcore:GetResourceOauth2Token", &provider),
        ("bedrock-agentcore:GetResourceOauth2Token", &vault),
        ("bedrock-agentcore:GetResourceOauth2Token", &directory),
        ("bedrock-agentcore:GetResourceOauth2Token", &identity),
        ("secretsmanager:GetSecretValue", &secret),
    ];
    let allow =
        |(action, resource): &(&str, &String)| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    for missing in 0..=needed.len() {
        let others = needed.iter().enumerate().filter(|(index, _)| *index != missing);
        scene.put_gateway_policy(&others.map(|(_, permission)| allow(permission)).collect());
        let input = scene.target_input(&format!("t{missing}"), Some(oauth(&provider, &[])));
        let target = scene.create_target(input).await;
        let (status, reason) = scene.outcome(&target);
        let Some((action, resource)) = needed.get(missing) else {
            assert_eq!((status, reason), ("READY", None));
            continue;
        };
        assert_eq!(status, "FAILED");
        let said = reason.is_some_and(|it| it.contains(action) && it.contains(&format!("on resource: {resource} ")));
        assert!(said, "{reason:?}");
    }
}

/// Returns a token of the pool's client `gateway`, good enough to be somebody's API key.
async fn long_lived_token(scene: &Scene) -> String {
    let url = scene.aws.with(|world| world.identity_providers.provider(ISSUER).map(|it| it.token_endpoint.clone()));
    let form = "grant_type=client_credentials&client_id=gateway&client_secret=secret";
    let request = Request::post(url.expect("the pool"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.as_bytes().to_vec());
    let answer = scene.send(request.expect("a request")).await.expect("an answer");
    text(&answer.body, "access_token")
}

#[tokio::test(start_paused = true)]
async fn an_api_key_goes_where_the_target_says() {
    let (scene, _) = scene("secret").await;
    let key = long_lived_token(&scene).await;
    let provider = scene.control("CreateApiKeyCredentialProvider", json!({"name": "key", "apiKey": key}));
    let arn = text(&provider, "credentialProviderArn");
    let credential = |members: Value| {
        let provider = merged(json!({"providerArn": arn}), members);
        json!({"credentialProviderType": "API_KEY", "credentialProvider": {"apiKeyCredentialProvider": provider}})
    };
    let target = scene.create_target(scene.target_input("key", Some(credential(json!({}))))).await;
    assert_eq!(scene.outcome(&target), ("READY", None));
    assert_eq!(scene.call("key___tool_001").await.said(), ("tool_001 was called", false));
    let header = json!({"credentialLocation": "HEADER", "credentialParameterName": "Authorization",
        "credentialPrefix": "bearer"});
    let target = scene.create_target(scene.target_input("header", Some(credential(header)))).await;
    assert_eq!(scene.outcome(&target), ("READY", None));
    // The runtime wants it in a header of another name.
    let elsewhere = json!({"credentialLocation": "QUERY_PARAMETER", "credentialParameterName": "accountId"});
    for (name, members) in [("other", json!({"credentialParameterName": "X-Api-Key"})), ("query", elsewhere)] {
        let target = scene.create_target(scene.target_input(name, Some(credential(members)))).await;
        let (status, reason) = scene.outcome(&target);
        assert_eq!(status, "FAILED");
        assert!(reason.is_some_and(|it| it.contains("Missing Authentication Token")), "{reason:?}");
    }
    scene.put_gateway_policy(&json!([{"Effect": "Allow", "Action": "bedrock-agentcore:*", "Resource": "*"}]));
    let refused = scene.call("key___tool_001").await;
    assert!(refused.said().1 && refused.said().0.contains("secretsmanager:GetSecretValue"), "{}", refused.text);
    let missing = arn.replace("/key", "/none");
    let none = json!({"credentialProviderType": "API_KEY", "credentialProvider": {
        "apiKeyCredentialProvider": {"providerArn": missing}}});
    let (operation, input) = ("CreateGatewayTarget", scene.target_input("none", Some(none)));
    let refused = scene.aws.call(&Principal::Administrator, ServiceId::AgentCoreControl, operation, input);
    assert_eq!(refused.map_err(|error| error.code), Err("ValidationException"));
}

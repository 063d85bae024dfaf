//! Quotations of a container and its server: never a value of the container's secret, in whatever form it was printed.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use emulator::aws::ServiceId;
use emulator::container::{AnswerForm, Behaviour, Start};
use emulator::identity_provider::{ClaimStyle, ProviderFault};
use serde_json::{Value, json};

use super::{COGNITO, bearer, behave, jwt, probe, provider, runtime};
use crate::world::{CANARY, World, canary};

const NAME: &str = "mcp/credentials";

/// Stores a secret as somebody else.
fn store(world: &World, value: &Value) {
    let input = json!({"Name": NAME, "SecretString": value.to_string(), "ClientRequestToken": "f".repeat(32)});
    world.somebody(ServiceId::SecretsManager, "CreateSecret", input);
}

/// Returns what the probe says of a container that prints the values of its secret and exits.
async fn quoted(world: &mut World, secret: Value) -> String {
    store(world, &secret);
    let behaviour = Behaviour {
        reads_secret: true,
        prints_secret: true,
        required_keys: vec!["MISSING".to_owned()],
        ..Behaviour::default()
    };
    behave(world, behaviour);
    told(world).await
}

/// Returns what the probe says of a container that has this secret and does not answer.
async fn told(world: &mut World) -> String {
    let runtime = runtime(world, json!({"SecretId": NAME})).await;
    probe(world, &runtime, json!({"SecretId": NAME})).await.failure().to_owned()
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_nested_key_does_not_unmask_other_keys() {
    let service_account = json!({"private_key": canary("embedded")}).to_string();
    for secret in [
        json!({"A": {"nested": "x"}, "KEY": canary("key")}),
        json!({"KEY": "x", "other": {"nested": canary("nested"), "list": ["x", {"deep": canary("deep")}]}}),
        json!({"KEY": {"number": 48_151_623}}),
        json!({"A": [], "KEY": service_account}),
    ] {
        let mut world = World::new();
        let said = quoted(&mut world, secret.clone()).await;
        assert!(said.contains("****") && !said.contains(CANARY) && !said.contains("48151623"), "{secret}: {said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_client_secret_next_to_a_nested_key_is_read() {
    for (key, expected) in
        [("CLIENT_SECRET", None), ("other", Some("does not hold as a string")), ("absent", Some("absent"))]
    {
        let mut world = World::new();
        store(&world, &json!({"CLIENT_SECRET": canary("client"), "other": {"nested": "x"}}));
        world.aws.with(|world| world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO)));
        let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
        let stored = json!({"ClientSecret": "", "ClientSecretId": NAME, "ClientSecretJsonKey": key});
        let answer = probe(&mut world, &runtime, bearer(COGNITO, stored)).await;
        match expected {
            None => assert!(answer.is_success(), "{}", answer.reason()),
            Some(expected) => assert!(answer.failure().contains(expected), "{}", answer.reason()),
        }
    }
}

/// Returns a text of many lines, each with the canary in it.
fn private_key() -> String {
    let line = |number: usize| format!("{CANARY}{}{number:03}\n", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj".repeat(4));
    format!("-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n", (0..10).map(line).collect::<String>())
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_value_is_masked_before_it_is_cut_and_line_by_line() {
    let one_line = format!("{CANARY}{}", "x".repeat(1700));
    let key = private_key();
    let stored_on_one_line = key.replace('\n', "\\n");
    for (value, words) in [
        (&one_line, format!("ERROR: cannot sign with {one_line}")),
        (&key, format!("cannot sign with {key}")),
        (&key, format!("cannot sign with\n  {}", key.replace('\n', "\n  "))),
        (&key, format!("ERROR: cannot sign with {}", key.replace('\n', " "))),
        (&stored_on_one_line, format!("cannot sign with {key}")),
    ] {
        let mut world = World::new();
        store(&world, &json!({"KEY": value}));
        behave(&world, Behaviour { start: Start::Crash(words.clone()), ..Behaviour::default() });
        let said = told(&mut world).await;
        assert!(said.contains("****") && !said.contains(CANARY), "{said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_value_is_masked_however_it_was_escaped() {
    let value = canary("escaped");
    let python = r#"cAnArY-escaped-\"quoted\"-back\\slash-new\nline-\u00fcmlaut-\ud83d\ude00"#;
    let repr = r#"cAnArY-escaped-"quoted"-back\\slash-new\nline-ümlaut-😀"#;
    for printed in [json!(value).to_string(), format!("\"{python}\""), format!("'{repr}'")] {
        let mut world = World::new();
        store(&world, &json!({"KEY": value}));
        let words = format!("ERROR: got {printed}, wanted another");
        behave(&world, Behaviour { start: Start::Crash(words), ..Behaviour::default() });
        let said = told(&mut world).await;
        let quote = printed.chars().next().unwrap_or_default();
        assert!(said.contains(&format!("got {quote}****{quote}, wanted another")), "{said}");
    }
}

/// Returns the forms in which a container may print a value.
fn printed(value: &str) -> Vec<String> {
    let json = json!(value).to_string();
    let each = |form: fn(u8) -> String| value.bytes().map(form).collect::<Vec<_>>().concat();
    let entities = value.chars().fold(String::new(), |mut text, it| {
        let _ = write!(text, "&#{};", u32::from(it));
        text
    });
    vec![
        json!(json).to_string(),
        json.replace('/', "\\/"),
        each(|byte| format!("%{byte:02X}")),
        each(|byte| format!("{byte:02x}")),
        form_urlencoded::byte_serialize(value.as_bytes()).collect(),
        STANDARD.encode(value),
        STANDARD.encode(format!("i:{value}")),
        format!("Basic {}", STANDARD.encode(format!("id:{value}"))),
        entities,
        value.to_ascii_uppercase(),
        value.chars().take(30).collect(),
        value.chars().skip(4).collect(),
    ]
}

/// Returns true if the text shows eight consecutive characters of the secret.
fn shows(text: &str, secret: &str) -> bool {
    let characters: Vec<_> = secret.chars().collect();
    characters.windows(8).any(|piece| text.contains(&piece.iter().collect::<String>()))
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_value_is_masked_however_it_was_encoded() {
    let value = canary("/encoded+");
    for printed in printed(&value) {
        let mut world = World::new();
        store(&world, &json!({"KEY": value}));
        let words = format!("ERROR: got '{printed}', wanted another");
        behave(&world, Behaviour { start: Start::Crash(words), ..Behaviour::default() });
        let said = told(&mut world).await;
        assert!(said.contains("ERROR: got '") && said.contains("', wanted another"), "{said}");
        assert!(said.contains("****") && !shows(&said, &printed) && !shows(&said, &value), "{printed}: {said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_value_that_is_split_over_two_log_lines_is_masked() {
    const VALUE: &str = "kR7vLq2Zt9Xw4Mn8";
    for end in 4..VALUE.len() - 4 {
        let mut world = World::new();
        store(&world, &json!({"KEY": VALUE}));
        let words = format!("key: {}\n{} refused", &VALUE[..end], &VALUE[end..]);
        behave(&world, Behaviour { start: Start::Crash(words), ..Behaviour::default() });
        let said = told(&mut world).await;
        assert!(said.contains("key: **** | **** refused"), "{said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_very_long_line_is_masked_and_cut() {
    let value = "0123456789abcdef".repeat(1500);
    let mut world = World::new();
    store(&world, &json!({"KEY": value}));
    let words = format!("key {value} {}", "x".repeat(200 * 1024));
    behave(&world, Behaviour { start: Start::Crash(words), ..Behaviour::default() });
    let said = told(&mut world).await;
    assert!(said.contains("| key **** xxx") && !said.contains("cdef0123"), "{said}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn credentials_that_no_request_has_met_are_masked_by_their_shape() {
    for (words, expected) in [
        ("ERROR: sent Authorization: Bearer cAnArY-0123", "sent Authorization: Bearer ****"),
        ("ERROR: DB_PASSWORD=cAnArY-1 at db", "DB_PASSWORD=**** at db"),
        ("ERROR: postgres://app:cAnArY-2@db/x", "postgres://****@db/x"),
        ("ERROR: {\"client_secret\": \"cAnArY-3\"}", "{\"client_secret\": \"****\"}"),
    ] {
        let mut world = World::new();
        store(&world, &json!({"KEY": "another"}));
        behave(&world, Behaviour { start: Start::Crash(words.to_owned()), ..Behaviour::default() });
        let said = told(&mut world).await;
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_that_quotes_credentials_is_masked() {
    let value = canary("/quoted+");
    for printed in printed(&value) {
        let mut world = World::new();
        store(&world, &json!({"KEY": value}));
        let page = format!("<p>{printed}</p>");
        behave(&world, Behaviour { answers: AnswerForm::Page("text/html"), page, ..Behaviour::default() });
        let said = told(&mut world).await;
        assert!(said.contains("****") && !shows(&said, &printed) && !shows(&said, &value), "{printed}: {said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_identity_provider_that_quotes_the_request_is_masked() {
    let secret = canary("/client+");
    for is_basic in [true, false] {
        let mut world = World::new();
        let mut provider = provider(ClaimStyle::Cognito, COGNITO).with_fault(ProviderFault::QuotesRequest);
        (provider.basic, provider.post) = (is_basic, !is_basic);
        world.aws.with(|world| world.identity_providers.add(provider));
        let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
        let answer = probe(&mut world, &runtime, bearer(COGNITO, json!({"ClientSecret": secret}))).await;
        let said = answer.failure();
        let id: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let sent = if is_basic { STANDARD.encode(format!("app:{id}")) } else { id };
        assert!(said.contains("grant_type=client_credentials") && said.contains("****"), "{said}");
        assert!(!shows(said, &sent), "{said}");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_secret_that_is_an_ordinary_word_is_not_revealed_by_its_mask() {
    let mut world = World::new();
    let fault = ProviderFault::TokenError { status: 401, error: "invalid_client", description: "client unknown" };
    let provider = provider(ClaimStyle::Cognito, COGNITO).with_fault(fault);
    world.aws.with(|world| world.identity_providers.add(provider));
    let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
    let answer = probe(&mut world, &runtime, bearer(COGNITO, json!({"ClientSecret": "client"}))).await;
    assert!(answer.failure().contains("(invalid_client: client unknown)"), "{}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn invisible_characters_are_escaped_wherever_they_come_from() {
    const TRICK: &str = "a\u{202e}b\u{200b}c\u{1b}[31m\u{2066}d\u{e0041}";
    let is_visible = |said: &str| said.contains("a\\u{202e}b\\u{200b}c\\u{1b}[31m\\u{2066}d\\u{e0041}");
    let mut world = World::new();
    store(&world, &json!({"KEY": "another"}));
    behave(&world, Behaviour { start: Start::Crash(TRICK.to_owned()), ..Behaviour::default() });
    let said = told(&mut world).await;
    assert!(is_visible(&said), "log: {said}");

    let mut world = World::new();
    let server_version = TRICK.to_owned();
    behave(&world, Behaviour { server_name: TRICK.to_owned(), server_version, ..Behaviour::default() });
    let answered = runtime(&mut world, json!({})).await;
    let answer = probe(&mut world, &answered, json!({})).await.success();
    assert!(["ServerName", "ServerVersion"].iter().all(|name| is_visible(answer.attribute(name))), "{}", answer.0);

    let mut world = World::new();
    let fault = ProviderFault::TokenError { status: 400, error: "invalid_request", description: TRICK };
    world.aws.with(|world| {
        world.identity_providers.add(provider(ClaimStyle::Cognito, COGNITO).with_fault(fault));
    });
    let answered = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
    let answer = probe(&mut world, &answered, bearer(COGNITO, json!({}))).await;
    assert!(is_visible(answer.failure()), "IdP: {}", answer.reason());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_value_in_the_servers_own_words_is_masked_before_the_words_are_cut() {
    let value = format!("{CANARY}{}", "x".repeat(500));
    let mut world = World::new();
    store(&world, &json!({"KEY": value}));
    let page = format!("<html>KEY is {value}</html>");
    behave(&world, Behaviour { answers: AnswerForm::Page("text/html; charset=utf-8"), page, ..Behaviour::default() });
    let said = told(&mut world).await;
    assert!(said.contains("and not with MCP: \"<html>KEY is ****</html>\"; check"), "{said}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_server_is_not_quoted_if_its_secret_cannot_be_read() {
    let mut world = World::new();
    let page = format!("<html>{}</html>", canary("unknown"));
    behave(&world, Behaviour { answers: AnswerForm::Page("text/html; charset=utf-8"), page, ..Behaviour::default() });
    let runtime = runtime(&mut world, json!({})).await;
    let said = probe(&mut world, &runtime, json!({"SecretId": "absent"})).await.failure().to_owned();
    assert!(said.starts_with("the server answers with another content type and not with MCP; check"), "{said}");
    assert!(said.contains("the secret values to mask could not be read: `SecretId` is \"absent\""), "{said}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn custom_parameters_are_masked_except_those_that_name_the_tokens_purpose() {
    for (parameters, description, expected) in [
        (json!({"assertion": "cAnArY-assertion"}), "cAnArY-assertion is not known", "**** is not known"),
        (
            json!({"audience": "https://api.example.com"}),
            "No API https://api.example.com",
            "No API https://api.example.com",
        ),
    ] {
        let mut world = World::new();
        let fault = ProviderFault::TokenError { status: 400, error: "invalid_request", description };
        let provider = provider(ClaimStyle::Cognito, COGNITO).with_fault(fault);
        world.aws.with(|world| world.identity_providers.add(provider));
        let runtime = runtime(&mut world, jwt(COGNITO, json!({"AllowedClients": "app"}))).await;
        let answer = probe(&mut world, &runtime, bearer(COGNITO, json!({"CustomParameters": parameters}))).await;
        assert!(answer.failure().contains(expected), "{}", answer.reason());
    }
}

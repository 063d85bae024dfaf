use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;

fn knowing(values: &[&str]) -> Mask {
    let mask = Mask::default();
    for value in values {
        mask.add(&Sensitive::new(*value));
    }
    mask
}

/// Encodes each character that `is_plain` does not accept.
fn escaped(text: &str, is_plain: fn(char) -> bool, escape: impl Fn(char) -> String) -> String {
    text.chars().map(|it| if is_plain(it) { it.to_string() } else { escape(it) }).collect()
}

fn is_letter(character: char) -> bool {
    character.is_ascii_alphanumeric()
}

fn json(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap();
    json[1..json.len() - 1].to_owned()
}

/// The units of UTF-16 as JSON writes them.
fn units(character: char, upper: bool) -> String {
    let units =
        character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
    if upper { units.to_uppercase().replace("\\U", "\\u") } else { units }
}

fn percent(character: char) -> String {
    character.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn python(character: char) -> String {
    match u32::from(character) {
        code @ 0..=0xff => format!("\\x{code:02x}"),
        code @ 0x100..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

fn wrapped(text: &str, columns: usize, end: &str) -> String {
    text.chars()
        .collect::<Vec<_>>()
        .chunks(columns)
        .map(|line| line.iter().collect())
        .collect::<Vec<String>>()
        .join(end)
}

type Form = fn(&str) -> String;

/// The forms in which a value comes back, by name.
const FORMS: [(&str, Form); 28] = [
    ("as it is", str::to_owned),
    ("JSON", json),
    ("JSON in JSON", |it| json(&json(it))),
    ("JSON of ASCII", |it| escaped(&json(it), |it| it.is_ascii(), |it| units(it, false))),
    ("JSON of ASCII in upper case", |it| escaped(it, is_letter, |it| units(it, true))),
    ("JSON with escaped slashes", |it| json(it).replace('/', "\\/")),
    ("percent", |it| escaped(it, is_letter, percent)),
    ("percent in lower case", |it| escaped(it, is_letter, |it| percent(it).to_lowercase())),
    ("percent everywhere", |it| escaped(it, |_| false, percent)),
    ("percent where a path needs it", |it| escaped(it, |it| is_letter(it) || "/+=&".contains(it), percent)),
    ("form", |it| form_urlencoded::byte_serialize(it.as_bytes()).collect()),
    ("Base64", |it| STANDARD.encode(it)),
    ("Base64, second alignment", |it| STANDARD.encode(format!("i:{it}:x"))),
    ("Base64, third alignment", |it| STANDARD.encode(format!("id-x:{it}:"))),
    ("Base64 for URLs", |it| URL_SAFE_NO_PAD.encode(it)),
    ("Base64 in lines", |it| wrapped(&STANDARD.encode(it), 10, "\r\n")),
    ("hexadecimal", hex),
    ("hexadecimal in upper case", |it| hex(it).to_uppercase()),
    ("named entities", |it| {
        it.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;")
    }),
    ("decimal entities", |it| escaped(it, is_letter, |it| format!("&#{};", u32::from(it)))),
    ("hexadecimal entities", |it| escaped(it, is_letter, |it| format!("&#x{:X};", u32::from(it)))),
    ("Rust's Debug", |it| format!("{it:?}")),
    ("Python's ascii", |it| escaped(it, |it| it.is_ascii_graphic() && !"\\'".contains(it), python)),
    ("upper case", str::to_ascii_uppercase),
    ("lower case", str::to_ascii_lowercase),
    ("wrapped", |it| wrapped(it, 5, "\n  ")),
    ("in joined lines", |it| wrapped(it, 9, " | ")),
    ("one Base64 per form", |it| {
        STANDARD.encode(format!("id:{}", form_urlencoded::byte_serialize(it.as_bytes()).collect::<String>()))
    }),
];

const VALUES: [&str; 6] = [
    "p+Q/r=S&tU",
    "Abc/def+gh!",
    "with space, \"quotes\", 'single', back\\slash\nand a line",
    "ümlaut-😀-\u{202e}-<tag>&amp;",
    "ab****cd****ef",
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ==\n-----END KEY-----",
];

/// Returns as many digits that look random.
fn digits(seed: u32, count: usize) -> String {
    let mut digits = String::new();
    for at in 0..u32::try_from(count).unwrap().div_ceil(8) {
        let _ = write!(digits, "{:08x}", (seed ^ at).wrapping_mul(2_654_435_761));
    }
    digits.truncate(count);
    digits
}

/// Returns the first eight consecutive characters of `secret` that `said` shows.
fn leak<'a>(said: &str, secret: &'a str) -> Option<&'a str> {
    let ends = secret.char_indices().map(|(at, it)| at + it.len_utf8()).skip(7);
    let mut pieces = secret.char_indices().zip(ends).map(|((start, _), end)| &secret[start..end]);
    pieces.find(|piece| said.contains(piece))
}

/// Returns true if the byte before the value, or the one behind it, makes a piece of the value with the bytes next to it.
/// It is then masked with the value.
fn is_continued(secret: &str, before: &str, after: &str) -> bool {
    let bytes = |text: &str| -> Vec<u8> {
        let kept = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'|');
        kept.map(|byte| byte.to_ascii_lowercase()).collect()
    };
    let (secret, before, after) = (bytes(secret), bytes(before), bytes(after));
    let (head, tail) = (&secret[..7], &secret[secret.len() - 7..]);
    let pieces = [
        before.last().map(|last| [&[*last][..], head].concat()),
        after.first().map(|first| [tail, &[*first][..]].concat()),
    ];
    pieces.into_iter().flatten().any(|piece| secret.windows(8).any(|window| window == piece))
}

#[test]
fn debug_prints_stars() {
    assert_eq!(format!("{:?}", Sensitive::new("hunter22")), "****");
    assert_eq!(format!("{:?}", knowing(&["hunter22"])).matches("hunter").count(), 0);
}

#[test]
fn a_value_is_masked_in_every_form() {
    for value in VALUES {
        let mask = knowing(&[value]);
        for (name, form) in FORMS {
            let encoded = form(value);
            let said = mask.apply(&format!("got {encoded}, wanted another"));
            assert!(said.starts_with("got ") && said.ends_with(", wanted another"), "{name} of {value}: {said}");
            assert!(said.contains("****"), "{name} of {value}: {said}");
            assert_eq!((leak(&said, value), leak(&said, &encoded)), (None, None), "{name} of {value}: {said}");
        }
    }
}

#[test]
fn the_basic_header_and_the_form_that_we_send_are_masked() {
    let mask = knowing(&["Abc/def+ghi", "p+Q/r=S&tU"]);
    assert_eq!(mask.apply("bad request: Basic Y2lkOkFiYyUyRmRlZiUyQmdoaQ=="), "bad request: Basic Y2lkO****==");
    let form = "grant_type=client_credentials&client_secret=p%2BQ%2Fr%3DS%26tU&x=y";
    assert_eq!(mask.apply(form), "grant_type=client_credentials&client_secret=****&x=y");
}

#[test]
fn a_truncated_value_is_masked() {
    const VALUE: &str = "kR7/vLq2+Zt9&Xw4=Mn8Yb3Pd6";
    let mask = knowing(&[VALUE]);
    for (name, form) in FORMS {
        let encoded = form(VALUE);
        for part in 2..=4 {
            let kept = encoded.len() * part / 5;
            for piece in [&encoded[..kept], &encoded[encoded.len() - kept..]] {
                let said = mask.apply(&format!("got '{piece}...'"));
                assert_eq!(leak(&said, VALUE), None, "{name}: {said}");
                if kept > encoded.len() / 2 {
                    assert!(said.contains("****"), "{name}: {piece}: {said}");
                }
            }
        }
    }
    for length in 8..VALUE.len() {
        for piece in [&VALUE[..length], &VALUE[VALUE.len() - length..], &VALUE[1..=length]] {
            assert_eq!(mask.apply(&format!("is: {piece}… end")), "is: ****… end");
        }
    }
    assert_eq!(mask.apply("x7kR7/vLq2+Zt9&Xw4x"), "x7****x", "sixteen bytes inside a word");
}

#[test]
fn a_value_that_is_split_over_lines_is_masked_on_each() {
    let mask = knowing(&["kR7vLq2Zt9Xw4Mn8"]);
    let lines = ["first", "key is kR7vL", "q2Zt9Xw4Mn8 and", "last"];
    assert_eq!(mask.apply_to_lines(&lines), ["first", "key is ****", "**** and", "last"]);
    assert_eq!(mask.apply_to_lines(&[]), [] as [&str; 0]);
}

#[test]
fn each_line_of_a_value_is_masked_also_if_the_value_is_stored_on_one_line() {
    for value in ["first-line\r\n  second \"line\"\nend\n", "first-line\\nsecond \"line\""] {
        let said = knowing(&[value]).apply("[first-line] [second \\\"line\\\"]");
        assert_eq!(said, "[****] [****]", "{value}");
    }
}

#[test]
fn what_makes_a_piece_of_a_value_with_its_first_bytes_is_masked_with_it() {
    let mask = knowing(&["😀😀Aé=😀😀00AA"]);
    // The value has a `=` before the same bytes as at its beginning.
    assert_eq!(mask.apply("=😀😀Aé=😀😀00AA "), "**** ");
    assert_eq!(mask.apply(":😀😀Aé=😀😀00AA "), ":**** ");
}

#[test]
fn a_value_containing_another_is_masked_whole() {
    let mask = knowing(&["pa\"ss", "pa\"ss-and-more", "ab"]);
    assert_eq!(mask.apply(r#"got pa"ss-and-more, pa"ss, "pa\"ss-and-more", ab"#), r#"got ****, ****, "****", ab"#);
}

#[test]
fn a_short_value_is_masked_as_a_word_only_and_a_very_short_one_in_a_telling_place_only() {
    let mask = knowing(&["Nx7q", "x7q"]);
    assert_eq!(mask.apply("`aNx7q` is \"Nx7q\", nx7q, Nx7q x7q"), "`aNx7q` is \"****\", nx7q, **** x7q");
    assert_eq!(mask.apply("Basic aWQ6Tng3cQ=="), "Basic aWQ6****==");
    assert_eq!(mask.apply_to_foreign("x7q password=x7q"), "x7q password=****");
}

#[test]
fn ordinary_words_are_not_masked_and_so_reveal_nothing() {
    const SENTENCES: [&str; 4] = [
        "gave client \"app\" no token (invalid_client: Client authentication failed); check `ClientId` and the client secret",
        "`Endpoint` is \"https://x.us-east-1.amazonaws.com\", and is not an https URL",
        "the server answers with application/json and not with MCP",
        "access denied: unsupported_grant_type client_credentials",
    ];
    let mask = knowing(&[
        "client",
        "invalid_client",
        "client_credentials",
        "us-east-1",
        "application/json",
        "https",
        "secret",
        "DEBUG",
        "true",
    ]);
    for sentence in SENTENCES {
        assert_eq!(mask.apply(sentence), sentence);
    }
}

#[test]
fn an_address_is_masked_as_a_whole_and_in_its_opaque_parts() {
    let hook = "https://hooks.example.com/services/T0B0XXa8XXb9XXc1XXd2";
    let mask = knowing(&[hook, "arn:aws:iam::111122223333:role/mine"]);
    assert_eq!(mask.apply(&format!("POST {hook} failed")), "POST **** failed");
    assert_eq!(mask.apply("/services/T0B0XXa8XXb9XXc1XXd2"), "/services/****");
    for other in ["https://hooks.example.com/services/", "arn:aws:iam::111122223333:role/another"] {
        assert_eq!(mask.apply(other), other);
    }
    assert_eq!(knowing(&["postgres://app:s3cr3tpw@db/x"]).apply("to app:s3cr3tpw@db"), "to ****");
}

#[test]
fn credentials_are_masked_by_their_shape() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    for (foreign, expected) in [
        ("Authorization: Bearer abc123def456", "Authorization: Bearer ****"),
        ("{\"authorization\":\"Basic dXNlcjpwYXNz\"}", "{\"authorization\":\"****\"}"),
        ("sent Basic dXNlcjpwYXNz again", "sent Basic **** again"),
        (&format!("token was {jwt}, expired"), "token was ****, expired"),
        (
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/x/aws4_request, SignedHeaders=host, Signature=fe5f80",
            "AWS4-HMAC-SHA256 Credential=****, SignedHeaders=host, Signature=****",
        ),
        ("x-amz-security-token: IQoJb3JpZ2luX2VjE", "x-amz-security-token: ****"),
        ("key ASIAIOSFODNN7EXAMPLE used", "key **** used"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key = ****"),
        ("a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b", "a **** b"),
        ("a -----BEGIN PRIVATE KEY-----\nMII", "a ****"),
        ("ERROR:app:password=hunter2 for bob", "ERROR:app:password=**** for bob"),
        ("{\"DB_PASSWORD\": \"a b\\\"c\", \"user\": \"bob\"}", "{\"DB_PASSWORD\": \"****\", \"user\": \"bob\"}"),
        (r#"{\"client_secret\":\"a-b,c\",\"x\":1}"#, r#"{\"client_secret\":\"****\",\"x\":1}"#),
        ("{'api_key': 'k1', 'pwd': b'k2'}", "{'api_key': '****', 'pwd': b'****'}"),
        ("POST /?apiKey=k1&accessToken=k2&page=3", "POST /?apiKey=****&accessToken=****&page=3"),
        ("redirect_to=a%26client_secret%3Dk1", "redirect_to=a%26client_secret%3D****"),
        ("run --password hunter2 --verbose", "run --password **** --verbose"),
        ("Mcp-Session-Id: 12ab34", "Mcp-Session-Id: ****"),
        ("Set-Cookie: sid=abc; Path=/", "Set-Cookie: ****"),
        ("error: token=k1x", "error: token=****"),
        ("private_key => abc", "private_key => ****"),
        ("postgres://app:pw@db.internal/x", "postgres://****@db.internal/x"),
        ("AccountName=x;AccountKey=aGVsbG8=;Y=z", "AccountName=x;AccountKey=****;Y=z"),
        ("ghp_0123456789abcdefghij0123456789abcdef", "****"),
        ("github_pat_11ABCDEFG0abcdefghijkl", "****"),
        ("xoxb-1234567890-abcdefghij", "****"),
        ("sk-proj-abcdefghijklmnopqrst", "****"),
        ("glpat-abcdefghij0123456789", "****"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "****"),
    ] {
        assert_eq!(Mask::default().apply_to_foreign(foreign), expected);
    }
}

#[test]
fn sentences_about_credentials_are_not_garbled() {
    for foreign in [
        "invalid_client: Client authentication failed",
        "invalid_token: the token expired",
        "token: expired",
        "\"error\": \"invalid_token\", \"token_type\": \"Bearer\"",
        "Bearer realm=\"mcp\", error=\"invalid_token\", resource_metadata=\"https://mcp.example.com/.well-known/x\"",
        "Basic authentication is not supported, use Bearer authorization",
        "the token_endpoint=https://idp.example.com/token tokenUrl: https://idp.example.com",
        "SecretName: mcp/credentials, SecretArn=arn:aws:secretsmanager:us-east-1:111122223333:secret:mcp/x-AbCdEf",
        "not authorized on resource: arn:aws:secretsmanager:us-east-1:111122223333:secret:mcp/x-AbCdEf",
        "secret_id=mcp/credentials max_tokens: 4096, key: value",
        "`ClientSecret` is given together with `ClientSecretId`; check the client secret, and use `Authorization`",
        "connecting to https://mcp.example.com:8443/a@b",
        "KeyError: 'ZSCALER_CLIENT_SECRET'",
        "password is required; token must be set",
    ] {
        assert_eq!(Mask::default().apply_to_foreign(foreign), foreign);
    }
}

#[test]
fn a_long_text_and_a_long_value_take_bounded_time() {
    let value = digits(1, 65_536);
    let mask = knowing(&[&value]);
    let started = Instant::now();
    assert_eq!(mask.apply(&format!("a {} b", &value[..60_000])), "a **** b");
    let layers = "%41\\n&amp;+aGVsbG8gd29ybGQ ".repeat(10_500);
    assert!(layers.len() > 256 * 1024);
    let said = mask.apply_to_foreign(&layers);
    assert!(said.len() <= TEXT_BYTES_MAX + 3 && said.ends_with('…'), "{} bytes", said.len());
    assert!(mask.apply_to_foreign(&"a".repeat(256 * 1024)).len() <= TEXT_BYTES_MAX + 3);
    assert!(started.elapsed() < Duration::from_mins(1), "{:?} without optimisation", started.elapsed());
}

proptest! {
    #[test]
    fn nothing_of_any_value_is_left_in_two_encodings(
        secret in "[A-Za-z0-9é😀]{4}[A-Za-z0-9\"'\\\\/+=&%<>*\n |é😀\u{202e}\u{200b}-]{0,120}[A-Za-z0-9é😀]{4}",
        inner in 0..FORMS.len(),
        outer in 0..23_usize,
        before in "[a-z ]{0,12}[ \"=]",
        after in "[ \",][a-z ]{0,12}",
    ) {
        let mask = knowing(&[&secret]);
        let encoded = FORMS[outer].1(&FORMS[inner].1(&secret));
        // A form in three encodings is as deep as a text is decoded.
        prop_assume!(outer != 2 || ![2, 27].contains(&inner));
        prop_assume!(!is_continued(&secret, &before, &after));
        let said = mask.apply(&format!("{before}{encoded}{after}"));
        prop_assert_eq!(leak(&said, &secret), None, "{}", &said);
        prop_assert!(said.contains("****"), "{} in {}: {}", FORMS[inner].0, FORMS[outer].0, said);
        // Base64 may be wrapped and quoted, so that letters next to it are masked with it.
        if ![inner, outer].iter().any(|form| FORMS[*form].0.contains("Base64")) {
            prop_assert!(said.starts_with(before.trim_end()) && said.ends_with(after.trim_start()), "{}", said);
        }
    }

    #[test]
    fn nothing_of_a_value_of_any_size_is_left(size in 8..4096_usize, seed in any::<u32>(), form in 0..FORMS.len()) {
        let secret = digits(seed, size);
        let mask = knowing(&[&secret]);
        let said = mask.apply(&format!("got {}", FORMS[form].1(&secret)));
        prop_assert_eq!(leak(&said, &secret), None, "{}", &said);
        prop_assert!(said.contains("****") && said.len() < 100, "{}: {}", FORMS[form].0, said);
    }
}

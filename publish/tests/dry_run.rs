//! The program as people run it, in a checkout of its own, without AWS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The variables without which cargo and rustup look for their folders in the user's home.
const CARGO: [&str; 4] = ["PATH", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];

/// A checkout with one commit: the template, and a built function that is not part of it.
struct Checkout {
    root: PathBuf,
    bootstrap: PathBuf,
}

impl Checkout {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let root = folder.join("checkout");
        // An earlier run of the tests may have left the folder.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&root).expect("the folder is ours");
        std::fs::copy("../template.yaml", root.join("template.yaml")).expect("the template is there");
        let bootstrap = folder.join("bootstrap");
        std::fs::write(&bootstrap, executable()).expect("the folder is ours");
        let checkout = Self { root, bootstrap };
        checkout.git(&["init", "--quiet"]);
        checkout.commit();
        checkout
    }

    /// Creates a checkout that also has the sources of a function. The function needs one crate of this workspace.
    fn with_function(name: &str) -> Self {
        let checkout = Self::new(name);
        let lockfile = std::fs::read_to_string("../Cargo.lock").expect("the workspace has it");
        let mut packages = lockfile.split("\n\n");
        let itoa = packages.find(|package| package.contains("name = \"itoa\"")).expect("the workspace needs it");
        let own = "[[package]]\nname = \"agentcore-provisioner\"\nversion = \"1.2.3\"\ndependencies = [\n \"itoa\",\n]";
        let package = "[workspace]\n[package]\nname = \"agentcore-provisioner\"\nversion = \"1.2.3\"\nedition = \"2024\"\n\
            license = \"Apache-2.0\"\n[[bin]]\nname = \"provisioner\"\npath = \"main.rs\"\n[dependencies]\nitoa = \"1\"\n";
        let files = [
            ("Cargo.lock", format!("version = 4\n\n{own}\n\n{itoa}\n")),
            ("Cargo.toml", package.to_owned()),
            ("main.rs", "fn main() {}\n".to_owned()),
        ];
        for (file, content) in files {
            std::fs::write(checkout.root.join(file), content).expect("the folder is ours");
        }
        checkout.commit();
        checkout
    }

    fn commit(&self) {
        self.git(&["add", "."]);
        self.git(&["-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "all"]);
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git").arg("-C").arg(&self.root).args(arguments).output().expect("git is installed");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs the program with the built function.
    fn publish(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_publish"));
        command.current_dir(&self.root).env_clear();
        command.envs(CARGO.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.arg("--bootstrap").arg(&self.bootstrap).args(arguments).output().expect("it starts")
    }
}

/// Returns the head of an executable for x86_64 that needs no library.
fn executable() -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(64, 0);
    file[16] = 2;
    file[18] = 62;
    file
}

fn standard_output(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Returns the one line on standard error that begins with `error:`.
fn sentence(output: &Output) -> String {
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr.clone()).expect("text");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("error: "));
    let sentence = lines.next().unwrap_or_else(|| panic!("no error in {text}")).to_owned();
    assert_eq!(lines.next(), None);
    sentence
}

/// Returns the host, the Region and the parameters of a quick-create link.
fn decoded(link: &str) -> (String, String, BTreeMap<String, String>) {
    let (page, query) = link.split_once("#/stacks/create/review?").expect("the review page");
    let (host, region) = page
        .strip_prefix("https://")
        .and_then(|page| page.split_once("/cloudformation/home?region="))
        .expect("the console");
    let members: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let unique: BTreeMap<String, String> = members.iter().cloned().collect();
    assert_eq!(unique.len(), members.len(), "each once");
    (host.to_owned(), region.to_owned(), unique)
}

const REGIONS: [&str; 6] = ["--bucket-prefix", "acme-mcp", "--region", "us-east-1", "--region", "us-gov-west-1"];

#[test]
fn links_decode_to_exactly_what_was_asked_for() {
    let checkout = Checkout::new("links");
    let digest = "ab".repeat(32);
    let image = format!("ECRImageUri=111122223333.dkr.ecr.us-east-1.amazonaws.com/zscaler/mcp@sha256:{digest}");
    let description = "AgentDescription=Tools & more: 100% of a+b #1";
    let parameters = ["--param", &image, "--param", description, "--param", "CredentialSource=UseExisting"];
    let output = checkout.root.with_file_name("output");
    let more = ["--stack-name", "my-mcp", "--dry-run", "--output", output.to_str().expect("text")];
    let shown = standard_output(&checkout.publish(&[&REGIONS[..], &parameters, &more].concat()));

    let links: Vec<&str> = shown.lines().filter(|line| line.starts_with("https://")).collect();
    let regions = [("us-east-1", "console.aws.amazon.com"), ("us-gov-west-1", "console.amazonaws-us-gov.com")];
    assert_eq!(links.len(), regions.len());
    for (link, (region, console)) in links.into_iter().zip(regions) {
        assert!(shown.contains(&format!("| {region} | [![Launch Stack](")), "{shown}");
        assert!(shown.contains(&format!("]({link}) |")), "the button has the link: {shown}");
        let (host, linked_region, mut members) = decoded(link);
        assert_eq!((host, linked_region), (format!("{region}.{console}"), region.to_owned()));
        let url = members.remove("templateURL").expect("the template");
        let expected = [
            ("stackName", "my-mcp"),
            ("param_ECRImageUri", &image["ECRImageUri=".len()..]),
            ("param_AgentDescription", &description["AgentDescription=".len()..]),
            ("param_CredentialSource", "UseExisting"),
        ];
        assert_eq!(members, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());

        let key =
            url.strip_prefix(&format!("https://acme-mcp-{region}.s3.{region}.amazonaws.com/")).expect("its bucket");
        let bucket = output.join(format!("acme-mcp-{region}"));
        let template = std::fs::read_to_string(bucket.join(key)).expect("is written where it would lie");
        assert!(
            template.starts_with(&format!("# Published from commit {}", checkout.git(&["rev-parse", "HEAD"]).trim()))
        );
        let code = template.lines().find_map(|line| line.trim().strip_prefix("S3Key: ")).expect("the code");
        assert!(template.contains(&format!("S3Bucket: acme-mcp-{region}\n")) && bucket.join(code).is_file());
    }
}

/// Returns the SHA-256 of a file in hexadecimal digits.
fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).expect("is written"));
    digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn a_bill_of_materials_notices_and_checksums_come_with_the_function() {
    let checkout = Checkout::with_function("documents");
    let output = checkout.root.with_file_name("output");
    let arguments = [&REGIONS[..], &["--dry-run", "--output", output.to_str().expect("text")]].concat();
    let published = checkout.publish(&arguments);
    let shown = standard_output(&published);
    assert!(String::from_utf8_lossy(&published.stderr).contains("make sure that "), "who built it is not known");

    for region in ["us-east-1", "us-gov-west-1"] {
        let folder = output.join(format!("acme-mcp-{region}/agentcore-provisioner"));
        let files: Vec<PathBuf> =
            std::fs::read_dir(&folder).expect("is written").map(|entry| entry.expect("is readable").path()).collect();
        let file = |end: &str| {
            let path = files.iter().find(|path| path.to_string_lossy().ends_with(end));
            path.unwrap_or_else(|| panic!("no {end} in {files:?}"))
        };
        let sums = std::fs::read_to_string(file(".SHA256SUMS")).expect("text");
        assert!(shown.contains(&sums), "shown with the link: {shown}");
        let listed: BTreeMap<&str, &str> = sums.lines().filter_map(|line| line.split_once("  ")).collect();
        for (hash, name) in &listed {
            assert_eq!(sha256(&folder.join(name)), *hash, "{name}");
        }
        assert_eq!((listed.len(), files.len()), (4, 5), "all but the list itself are in the list: {files:?}");

        let json = std::fs::read_to_string(file(".cdx.json")).expect("text");
        let sbom: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!((&sbom["bomFormat"], &sbom["specVersion"]), (&json!("CycloneDX"), &json!("1.5")));
        let function = &sbom["metadata"]["component"];
        assert_eq!((&function["name"], &function["version"]), (&json!("agentcore-provisioner"), &json!("1.2.3")));
        assert_eq!(function["hashes"][0]["content"], json!(sha256(&checkout.bootstrap)));
        let commit = checkout.git(&["rev-parse", "HEAD"]);
        assert!(function["description"].as_str().is_some_and(|text| text.contains(commit.trim())));
        let [itoa] = sbom["components"].as_array().expect("a list").as_slice() else { panic!("{sbom}") };
        assert_eq!(itoa["licenses"], json!([{ "expression": "MIT OR Apache-2.0" }]));
        assert!(itoa["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/itoa@1.")), "{itoa}");
        assert!(
            checkout.git(&["show", "HEAD:Cargo.lock"]).contains(itoa["hashes"][0]["content"].as_str().expect("text"))
        );

        let notices = std::fs::read_to_string(file(".notices.txt")).expect("text");
        assert!(
            notices.contains("https://crates.io/crates/itoa/1.") && notices.contains("Permission is hereby granted")
        );
        let template = std::fs::read_to_string(file(".yaml")).expect("text");
        for document in [".cdx.json", ".notices.txt"] {
            let name = file(document).file_name().expect("a file").to_string_lossy();
            assert!(template.lines().next().is_some_and(|line| line.contains(&*name)), "the template names {name}");
        }
    }
}

#[test]
fn a_checkout_without_cargo_lock_is_published_without_a_bill_of_materials() {
    let checkout = Checkout::new("without");
    let output = checkout.publish(&[&REGIONS[..], &["--dry-run"]].concat());
    assert!(!standard_output(&output).contains(".cdx.json"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: the checkout has no Cargo.lock"));
}

#[test]
fn the_same_commit_gives_the_same_output() {
    let checkout = Checkout::with_function("same");
    let arguments = [&REGIONS[..], &["--dry-run"]].concat();
    assert_eq!(standard_output(&checkout.publish(&arguments)), standard_output(&checkout.publish(&arguments)));
}

#[test]
fn a_dirty_tree_is_refused_by_name_and_only_warned_of_in_a_dry_run() {
    let checkout = Checkout::new("dirty");
    std::fs::write(checkout.root.join("forgotten.txt"), "").expect("the folder is ours");
    let refused = sentence(&checkout.publish(&REGIONS));
    assert!(refused.contains("forgotten.txt") && refused.contains("commit or remove"), "{refused}");
    let output = checkout.publish(&[&REGIONS[..], &["--dry-run"]].concat());
    assert!(standard_output(&output).contains("and changes that are not committed"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: the checkout is not just commit"));
}

#[test]
fn a_checkout_that_cannot_be_published_is_refused_with_a_sentence() {
    let checkout = Checkout::new("refused");
    let refused = |arguments: &[&str]| sentence(&checkout.publish(&[&REGIONS[..], &["--dry-run"], arguments].concat()));
    assert!(refused(&["--param", "ExistingSecretName=prod/zscaler"]).contains("CreateNewNeedsCredentials"));
    assert!(refused(&["--param", "ZscalerClientSecret=x"]).contains("ignores secrets in links"));
    assert!(refused(&["--param", "Architecture=arm64"]).contains("[x86_64]"), "only what is published is offered");
    assert!(refused(&["--architecture", "arm64"]).contains("is built for x86_64, and arm64 is asked for"));
    assert!(refused(&["--template-file", "/etc/hostname"]).contains("is not in the checkout"));
    assert!(refused(&["--template-file", "other.yaml"]).contains("cannot be read"));
    std::fs::copy("../examples/runtime.yaml", checkout.root.join("runtime.yaml")).expect("the example is there");
    let example = refused(&["--template-file", "runtime.yaml"]);
    assert!(example.starts_with("runtime.yaml: the template has no function with `Code: .`"), "{example}");
    assert!(example.ends_with("such as template.yaml or provisioner.yaml"), "{example}");
}

#[test]
fn what_is_added_to_a_template_counts_as_its_own() {
    let checkout = Checkout::new("large");
    let template = std::fs::read_to_string("../template.yaml").expect("the template is there");
    let publish = |padding: usize| {
        let text = format!("{template}{}", "#".repeat(padding));
        std::fs::write(checkout.root.join("large.yaml"), text).expect("the folder is ours");
        checkout.publish(&[&REGIONS[..], &["--dry-run", "--template-file", "large.yaml"]].concat())
    };
    let shown = standard_output(&publish(1));
    let sizes = shown.lines().filter_map(|line| line.split_once(".yaml (")?.1.strip_suffix(" bytes)")?.parse().ok());
    let published: usize = sizes.max().expect("sizes are shown");
    let room = (1 << 20) - published;
    standard_output(&publish(1 + room));
    assert!(sentence(&publish(2 + room)).contains("has 1048577 bytes as published"));
}

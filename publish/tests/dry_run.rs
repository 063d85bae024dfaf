//! The program as people run it, in a checkout of its own, without AWS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
        checkout.git(&["add", "."]);
        checkout.git(&["-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "first"]);
        checkout
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git").arg("-C").arg(&self.root).args(arguments).output().expect("git is installed");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Runs the program with the built function.
    fn publish(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_publish"));
        command.current_dir(&self.root).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
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

#[test]
fn the_same_commit_gives_the_same_output() {
    let checkout = Checkout::new("same");
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

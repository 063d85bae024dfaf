//! The command line.

use std::path::PathBuf;

use crate::elf::Architecture;
use crate::region::Region;

/// Characters in the name of a bucket.
const BUCKET_CHARS_MAX: usize = 63;
/// Characters in the name of a stack.
const STACK_NAME_CHARS_MAX: usize = 128;

/// Arguments of publishing.
#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    /// The buckets are called NAME-REGION: acme-mcp-us-east-1. They have to exist, each in its Region.
    #[arg(long, required = true, value_parser = bucket_prefix, value_name = "NAME")]
    pub(crate) bucket_prefix: String,
    /// A Region to publish to; repeat it for more.
    #[arg(long = "region", required = true, value_name = "REGION")]
    pub(crate) regions: Vec<Region>,
    /// The stack name that the links propose.
    #[arg(long, default_value = "zscaler-mcp", value_parser = stack_name, value_name = "NAME")]
    pub(crate) stack_name: String,
    /// A parameter that the links fill in; repeat it for more.
    #[arg(long = "param", value_parser = parameter, value_name = "KEY=VALUE")]
    pub(crate) parameters: Vec<(String, String)>,
    /// Processor to build the function for. The published template offers this one only.
    #[arg(long, value_enum, default_value_t = Architecture::X86_64)]
    pub(crate) architecture: Architecture,
    /// The template to publish, in the same checkout. Without it, template.yaml at the checkout's root.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) template_file: Option<PathBuf>,
    /// Take this built function instead of building it.
    #[arg(long, value_name = "PATH")]
    pub(crate) bootstrap: Option<PathBuf>,
    /// Do everything but upload. Needs no AWS account, and only warns of changes that are not committed.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also write what is published to this folder: the objects under their buckets' names, and launch-stack.md. In the
    /// checkout, it has to be one that git ignores, or the next run finds the checkout changed.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Profile of the AWS CLI to take the credentials from, whatever the environment says.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The account that the buckets have to belong to. Without it, whoever has a bucket of that name gets the upload.
    #[arg(long, value_parser = account, value_name = "ACCOUNT")]
    pub(crate) expected_bucket_owner: Option<String>,
    /// One endpoint for S3 instead of AWS's own, such as an emulator's.
    #[arg(long, value_parser = endpoint_url, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
}

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The built function, such as .aws-sam/build/Function/bootstrap.
    #[arg(value_name = "PATH")]
    pub(crate) bootstrap: PathBuf,
    /// The processor it has to be built for. Without it, either that Lambda has.
    #[arg(long, value_enum)]
    pub(crate) architecture: Option<Architecture>,
}

/// Checks the beginning of the buckets' names. A dot is allowed in a bucket's name, but not by the certificate of
/// `https://<bucket>.s3.<region>.amazonaws.com`.
fn bucket_prefix(text: &str) -> Result<String, String> {
    let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !letters || !text.starts_with(|first: char| first.is_ascii_alphanumeric()) || text.ends_with('-') {
        return Err(
            "must be lower-case letters, digits and hyphens, and begin and end with a letter or digit".to_owned()
        );
    }
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    if let Some(reserved) = ["xn--", "sthree-", "amzn-s3-demo-"].into_iter().find(|prefix| text.starts_with(prefix)) {
        return Err(format!("must not begin with {reserved}, which S3 keeps for itself"));
    }
    let longest_region = "ap-southeast-1".len();
    if text.len() + 1 + longest_region > BUCKET_CHARS_MAX {
        return Err(format!(
            "must leave room for the Region: a bucket's name has at most {BUCKET_CHARS_MAX} characters"
        ));
    }
    Ok(text.to_owned())
}

/// Checks a stack name by the rules in CreateStack's documentation.
fn stack_name(text: &str) -> Result<String, String> {
    let allowed = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if allowed && text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.len() <= STACK_NAME_CHARS_MAX {
        return Ok(text.to_owned());
    }
    Err(format!("must begin with a letter and hold at most {STACK_NAME_CHARS_MAX} letters, digits and hyphens"))
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("must be of the form Key=Value".to_owned()),
    }
}

fn endpoint_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    if host.is_some_and(|host| host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')) {
        return Ok(text.to_owned());
    }
    Err("must be an address such as http://localhost:5000".to_owned())
}

fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err("must be an account's twelve digits".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_before_aws_would() {
        assert!(bucket_prefix("acme-mcp").is_ok());
        for wrong in ["", "Acme", "acme.mcp", "-acme", "acme-", "xn--acme", "amzn-s3-demo-acme", &"a".repeat(60)] {
            assert!(bucket_prefix(wrong).is_err(), "{wrong}");
        }
        assert!(stack_name("zscaler-mcp").is_ok());
        for wrong in ["", "1st", "zscaler_mcp", &"a".repeat(129)] {
            assert!(stack_name(wrong).is_err(), "{wrong}");
        }
        assert!(account("111122223333").is_ok() && account("acme").is_err());
    }

    #[test]
    fn an_endpoint_has_a_scheme_and_a_host() {
        assert!(endpoint_url("http://localhost:5055").is_ok() && endpoint_url("https://[::1]:5055/").is_ok());
        for wrong in ["", "localhost:5055", "http://", "https:///x", "ftp://localhost"] {
            assert!(endpoint_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_parameter_may_hold_equals_signs_and_be_empty() {
        assert_eq!(parameter("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(parameter("A="), Ok(("A".to_owned(), String::new())));
        assert!(parameter("A").is_err() && parameter("=b").is_err());
    }
}

//! The template as a link needs it: the function's code is an object in S3 instead of a folder in the checkout.

use cloudformation::{Capability, TemplateSource, template_capability, template_summary};

use crate::elf::Architecture;
use crate::outline::Outline;

/// The parameter that says which processor the function is built for.
const ARCHITECTURE: &str = "Architecture";
/// The function's metadata that only `sam build` and the linter of a folder read.
const BUILD_METADATA: [&str; 3] = ["BuildMethod", "BuildProperties", "cfn-lint"];

/// Bytes of a template in S3 (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
const BYTES_MAX: usize = 1 << 20;

/// The place of the function's code, and facts about it.
#[derive(Clone, Copy)]
pub(crate) struct Code<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) key: &'a str,
    pub(crate) architecture: Architecture,
    /// The sources of the template and the function. It becomes the first line.
    pub(crate) origin: &'a str,
}

/// Returns the template with the function's code at its place in S3. Comments stay.
///
/// # Errors
/// The template is not plain CloudFormation, or has not exactly one function with `Code: .`.
pub(crate) fn published(source: &str, code: Code<'_>) -> Result<String, String> {
    let Code { bucket, key, architecture, origin } = code;
    let mut outline = Outline::new(source);
    if outline.find(&["Transform"]).is_some() {
        return Err(
            "the template has a `Transform`, which takes another capability than CAPABILITY_IAM; write it as plain \
                    CloudFormation"
                .to_owned(),
        );
    }
    let function = function(&outline)?;

    let path = ["Resources", &function, "Properties", "Code"];
    if let Some(block) = outline.find(&path) {
        outline.replace(block, &["Code:".to_owned(), format!("  S3Bucket: {bucket}"), format!("  S3Key: {key}")]);
    }
    for member in BUILD_METADATA {
        if let Some(block) = outline.find(&["Resources", &function, "Metadata", member]) {
            outline.remove(block);
        }
    }
    let metadata = ["Resources", &function, "Metadata"];
    if let Some(block) = outline.find(&metadata).filter(|block| outline.members(Some(block.clone())).is_empty()) {
        outline.remove(block);
    }
    for (member, value) in [("AllowedValues", format!("[{architecture}]")), ("Default", architecture.to_string())] {
        if let Some(block) = outline.find(&["Parameters", ARCHITECTURE, member]) {
            outline.replace(block, &[format!("{member}: {value}")]);
        }
    }
    Ok(format!("# {origin}\n{}", outline.into_text()))
}

/// Reads a published template as CloudFormation would, and compares it with its source. The bucket, the key and the
/// origin do not matter.
///
/// # Errors
/// The template does not offer the architecture, is refused by CloudFormation, is larger than a link may point to, or
/// needs more than `CAPABILITY_IAM`.
pub(crate) fn check(source: &str, body: &str, architecture: Architecture) -> Result<(), String> {
    if body.len() > BYTES_MAX {
        return Err(format!(
            "the template has {} bytes as published, and CloudFormation takes {BYTES_MAX}",
            body.len()
        ));
    }
    let summary = |body: &str| {
        template_summary(&TemplateSource::Uploaded(body.to_owned()))
            .map_err(|error| format!("CloudFormation would refuse the template: {}", error.message))
    };
    let mut expected = summary(source)?;
    let wanted = architecture.to_string();
    match expected.get_mut(ARCHITECTURE).filter(|parameter| parameter.allowed_values.contains(&wanted)) {
        Some(parameter) => {
            parameter.allowed_values = vec![wanted.clone()];
            parameter.default = Some(wanted);
        }
        None => return Err(format!("the template has no parameter `{ARCHITECTURE}` that may be {wanted}")),
    }
    if summary(body)? != expected {
        return Err("the template is not laid out as expected; write its sections as block mappings".to_owned());
    }
    match template_capability(&TemplateSource::Uploaded(body.to_owned())) {
        Ok(Some(Capability::Iam) | None) => Ok(()),
        Ok(Some(other)) => Err(format!(
            "the template needs {other}, which keeps a second stack out of the account; take the names off its IAM resources"
        )),
        Err(error) => Err(error.message),
    }
}

/// Finds the one function whose code is the checkout.
fn function(outline: &Outline) -> Result<String, String> {
    let resources = outline.find(&["Resources"]).map(|block| outline.members(Some(block))).unwrap_or_default();
    let is_built = |name: &str| {
        let code = outline.find(&["Resources", name, "Properties", "Code"]);
        code.is_some_and(|block| outline.value(&block) == ".")
    };
    let functions: Vec<&str> = resources.into_iter().map(|(name, _)| name).filter(|name| is_built(name)).collect();
    match functions.as_slice() {
        [function] => Ok((*function).to_owned()),
        [] => {
            Err("the template has no function with `Code: .`, the folder that it is built from; give one that brings \
                   the function, such as template.yaml or provisioner.yaml"
                .to_owned())
        }
        several => Err(format!("the template has several functions with `Code: .`: {}", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../template.yaml");
    const CODE: Code<'_> = Code {
        bucket: "acme-mcp-us-east-1",
        key: "agentcore-provisioner/ab.zip",
        architecture: Architecture::Arm64,
        origin: "Published from commit ab.",
    };

    #[test]
    fn only_code_architecture_and_build_metadata_change() {
        let body = published(TEMPLATE, CODE).expect("is publishable");
        let (first, rest) = body.split_once('\n').expect("lines");
        assert_eq!(first, "# Published from commit ab.");
        let before: Vec<&str> = TEMPLATE.lines().collect();
        let after: Vec<&str> = rest.lines().collect();
        let added: Vec<&str> = after.iter().filter(|line| !before.contains(line)).map(|line| line.trim()).collect();
        assert_eq!(
            added,
            [
                "Default: arm64",
                "AllowedValues: [arm64]",
                "Code:",
                "S3Bucket: acme-mcp-us-east-1",
                "S3Key: agentcore-provisioner/ab.zip"
            ]
        );
        let removed: Vec<&str> = before.iter().filter(|line| !after.contains(line)).map(|line| line.trim()).collect();
        assert_eq!(
            removed[..4],
            ["Default: x86_64", "AllowedValues: [x86_64, arm64]", "BuildMethod: rust-cargolambda", "BuildProperties:"]
        );
        assert!(removed.contains(&"Code: ."), "{removed:?}");
        assert!(!body.contains("W3002"), "the linter has a folder no longer");
        assert_eq!(check(TEMPLATE, &body, CODE.architecture), Ok(()));
        assert!(body.contains("CKV_AWS_116"), "other metadata stays");
    }

    #[test]
    fn a_template_that_a_link_cannot_use_is_refused() {
        let refused = |source: &str| {
            let outcome = published(source, CODE).and_then(|body| check(source, &body, CODE.architecture));
            outcome.expect_err("refused")
        };
        assert!(refused(&TEMPLATE.replace("Code: .", "Code: ./src")).contains("no function with `Code: .`"));
        assert!(refused(&TEMPLATE.replace("[x86_64, arm64]", "[x86_64]")).contains("that may be arm64"));
        assert!(
            refused(&format!("Transform: AWS::Serverless-2016-10-31\n{TEMPLATE}")).contains("has a `Transform`, which")
        );
        let named = TEMPLATE
            .replace("      AssumeRolePolicyDocument:", "      RoleName: fixed\n      AssumeRolePolicyDocument:");
        assert!(refused(&named).contains("CAPABILITY_NAMED_IAM"));
        let large = format!("{TEMPLATE}{}", "# padding\n".repeat(110_000));
        assert!(refused(&large).contains("bytes as published, and CloudFormation takes 1048576"));
    }
}

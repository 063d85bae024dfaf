//! The quick-create link: CloudFormation's form for a new stack, filled in.

use crate::region::Region;

/// Returns the address of an object, in the form that CloudFormation accepts for templates.
pub(crate) fn object_url(region: &Region, bucket: &str, key: &str) -> String {
    format!("https://{bucket}.{}/{key}", region.s3_host())
}

/// Returns the link
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html>).
/// Parameters appear in the order given. The console accepts a template's address of up to 1024 characters, which is
/// enough for the longest bucket name.
pub(crate) fn quick_create(
    region: &Region,
    template_url: &str,
    stack_name: &str,
    parameters: &[(String, String)],
) -> String {
    let (host, name) = (region.console_host(), region.name());
    let own = [("templateURL".to_owned(), template_url), ("stackName".to_owned(), stack_name)];
    let given = parameters.iter().map(|(name, value)| (format!("param_{name}"), value.as_str()));
    let members = own.into_iter().chain(given).map(|(name, value)| format!("{name}={}", encoded(value)));
    let query = members.collect::<Vec<_>>().join("&");
    format!("https://{host}/cloudformation/home?region={name}#/stacks/create/review?{query}")
}

/// Encodes a text in percent notation. A space is not a plus sign, which may stand for itself after the `#`.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> Region {
        name.parse().expect("a Region")
    }

    #[test]
    fn a_link_decodes_to_what_was_put_in() {
        let parameters = [
            ("ECRImageUri", "public.ecr.aws/acme/mcp:1"),
            ("AgentDescription", "a+b & c=d #1 100% ümläut"),
            ("JwtIssuer", ""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let template = object_url(&region("eu-west-1"), "acme-mcp-eu-west-1", "agentcore-provisioner/ab.yaml");
        assert_eq!(template, "https://acme-mcp-eu-west-1.s3.eu-west-1.amazonaws.com/agentcore-provisioner/ab.yaml");
        let link = quick_create(&region("eu-west-1"), &template, "zscaler-mcp", &parameters);
        let (page, query) = link.split_once("#/stacks/create/review?").expect("the review page");
        assert_eq!(page, "https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1");
        assert!(!query.contains(['+', ' ', '#', '(', ')', '|']), "safe in a fragment and in Markdown: {query}");
        let decoded: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut expected =
            vec![("templateURL".to_owned(), template), ("stackName".to_owned(), "zscaler-mcp".to_owned())];
        expected.extend(parameters.map(|(name, value)| (format!("param_{name}"), value)));
        assert_eq!(decoded, expected);
    }
}

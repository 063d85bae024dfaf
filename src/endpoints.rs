//! The endpoints of AWS, as the function's environment names them to every SDK ("Service-specific endpoints" and
//! "Dual-stack and FIPS endpoints", AWS SDKs and Tools reference guide).
//!
//! The crate aws-config reads most of these variables, too. It counts a wrong value as absent after a warning, so that a
//! function that is to call FIPS endpoints would call others. It does not know `AWS_CA_BUNDLE`, and always brings the
//! client of another service for sources of credentials that a function does not have.

use std::collections::BTreeMap;

use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use url::Url;

use crate::https_url::{self, Form};
use crate::text::quote;

const URL: &str = "AWS_ENDPOINT_URL";
const IGNORE: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";
const FIPS: &str = "AWS_USE_FIPS_ENDPOINT";
const DUAL_STACK: &str = "AWS_USE_DUALSTACK_ENDPOINT";

/// One of AWS's partitions: a group of Regions with hosts, accounts and credentials of their own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// The beginning of the names of the partition's Regions: see [`area`].
    area: &'static str,
    /// The suffix of hosts that serve IPv4 alone.
    pub(crate) single: &'static str,
    /// The suffix of hosts that serve IPv4 and IPv6.
    pub(crate) dual: &'static str,
}

/// The other partitions (botocore's partitions.json).
const PARTITIONS: [Partition; 7] = [
    Partition { area: "cn", single: "amazonaws.com.cn", dual: "api.amazonwebservices.com.cn" },
    Partition { area: "eusc-de", single: "amazonaws.eu", dual: "api.amazonwebservices.eu" },
    Partition { area: "us-gov", ..Partition::STANDARD },
    Partition { area: "us-iso", single: "c2s.ic.gov", dual: "api.aws.ic.gov" },
    Partition { area: "us-isob", single: "sc2s.sgov.gov", dual: "api.aws.scloud" },
    Partition { area: "eu-isoe", single: "cloud.adc-e.uk", dual: "api.cloud-aws.adc-e.uk" },
    Partition { area: "us-isof", single: "csp.hci.ic.gov", dual: "api.aws.hci.ic.gov" },
];

impl Partition {
    /// The partition of all Regions whose area has two letters and no partition of its own.
    const STANDARD: Self = Self { area: "", single: "amazonaws.com", dual: "api.aws" };

    /// Returns the partition of a Region. Returns `None` for a text that does not have the form of a Region's name.
    pub(crate) fn of(region: &str) -> Option<Self> {
        let area = area(region)?;
        let own = PARTITIONS.into_iter().find(|partition| partition.area == area);
        own.or_else(|| (area.len() == 2).then_some(Self::STANDARD))
    }
}

/// Returns the area in the name of a Region, `<area>-<word>-<number>`: `us` of us-east-1, `us-gov` of us-gov-west-1.
fn area(region: &str) -> Option<&str> {
    let (rest, number) = region.rsplit_once('-')?;
    let (area, word) = rest.rsplit_once('-')?;
    let consists = |text: &str, of: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| of(&byte));
    let is_region = consists(number, u8::is_ascii_digit)
        && consists(word, u8::is_ascii_lowercase)
        && area.split('-').all(|part| consists(part, u8::is_ascii_lowercase));
    is_region.then_some(area)
}

/// The service id of AgentCore's data plane, where runtimes are invoked.
pub(crate) const AGENTCORE: &str = "Bedrock AgentCore";
/// The ids of the services that the function calls, as their SDKs ask for them.
const SERVICE_IDS: [&str; 5] =
    ["Bedrock AgentCore Control", AGENTCORE, "Secrets Manager", "CloudWatch Logs", "CloudFormation"];

/// Returns the variable with the address of one service.
fn variable(service_id: &str) -> String {
    format!("{URL}_{}", service_id.to_ascii_uppercase().replace(' ', "_"))
}

/// The endpoints to call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// True if only endpoints with FIPS 140 validated cryptography are called.
    pub fips: bool,
    /// True if the endpoints that are called have IPv6 addresses, too.
    pub dual_stack: bool,
    url: Option<Url>,
    services: BTreeMap<&'static str, Url>,
}

impl Endpoints {
    /// Reads the variables; `read` returns a variable's value, if it is set.
    ///
    /// # Errors
    /// A value is not what the variable takes, or two variables exclude each other: a sentence for people.
    pub fn from_environment(read: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let given = |name: &str| read(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let flag = |name: &str| match given(name) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => {
                Err(format!("the function's environment variable `{name}` is {}; use true or false", quote(&value)))
            }
        };
        let (fips, dual_stack, ignores_urls) = (flag(FIPS)?, flag(DUAL_STACK)?, flag(IGNORE)?);
        let url = |name: &str| match given(name).filter(|_| !ignores_urls).map(|value| address(&value)) {
            None => Ok(None),
            Some(Err(problem)) => Err(format!(
                "the function's environment variable `{name}` {problem}; give an address such as \
                 `https://vpce.example.com`"
            )),
            // No SDK turns an address that is given into an address of another kind.
            Some(Ok(_)) if fips || dual_stack => {
                let kind = if fips { FIPS } else { DUAL_STACK };
                Err(format!(
                    "the function's environment variables `{kind}` and `{name}` exclude each other; remove one of them"
                ))
            }
            Some(Ok(url)) => Ok(Some(url)),
        };
        let mut services = BTreeMap::new();
        for service_id in SERVICE_IDS {
            if let Some(url) = url(&variable(service_id))? {
                services.insert(service_id, url);
            }
        }
        Ok(Self { fips, dual_stack, url: url(URL)?, services })
    }

    /// Returns the address that is given for a service, or for all services. Returns `None` for AWS's own address.
    pub(crate) fn url(&self, service_id: &str) -> Option<&Url> {
        self.services.get(service_id).or(self.url_of_all())
    }

    /// Returns the address that is given for all services without one of their own.
    pub(crate) fn url_of_all(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    /// Returns the host of the desired kind for `<name>.<Region>.<suffix>`, a host of AWS's, by the rule that AWS's
    /// SDKs have for every service's endpoints. A name of a FIPS endpoint stays one.
    pub(crate) fn host(&self, name: &str, region_and_suffix: &str) -> String {
        let name = if self.fips && !name.ends_with("-fips") { format!("{name}-fips") } else { name.to_owned() };
        let dual = region_and_suffix.split_once('.').filter(|_| self.dual_stack).and_then(|(region, suffix)| {
            let partition = Partition::of(region).filter(|partition| partition.single == suffix)?;
            Some(format!("{region}.{}", partition.dual))
        });
        format!("{name}.{}", dual.as_deref().unwrap_or(region_and_suffix))
    }

    /// Returns an addition to the report about a gateway: it was called at the only endpoint that AgentCore names for it,
    /// and no source says what cryptography that has.
    pub(crate) fn gateway_remark(&self) -> Option<String> {
        self.fips
            .then(|| format!("`{FIPS}` is true, and the gateway was called at the endpoint that AgentCore gave it"))
    }

    /// Returns an addition to the report of a connection that fails, if an endpoint of a special kind was called: not
    /// every Region has these.
    pub(crate) fn doubt(&self, region: &str) -> Option<String> {
        let (variable, kind) = match (self.fips, self.dual_stack) {
            (true, _) => (FIPS, "FIPS"),
            (false, true) => (DUAL_STACK, "dual-stack"),
            (false, false) => return None,
        };
        Some(format!(
            "the function's environment variable `{variable}` is true, and the service may have no {kind} endpoint in \
             {region}: use a Region that has one, or remove the variable"
        ))
    }
}

/// Lets each client of an SDK find the address of its service.
impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        self.services.get(key.service_id()).filter(|_| key.env() == URL).map(Url::to_string)
    }
}

/// Returns the suffix of AWS's hosts in this Region that serve IPv4 alone.
pub(crate) fn dns_suffix(region: &str) -> &'static str {
    Partition::of(region).unwrap_or(Partition::STANDARD).single
}

/// Reads the address of a service. The error follows the variable's name in a sentence, and quotes the text unless it may
/// contain a password.
fn address(text: &str) -> Result<Url, String> {
    let refuse = |problem: &str| {
        Err(if text.contains('@') { problem.to_owned() } else { format!("is {}, which {problem}", quote(text)) })
    };
    match https_url::parse(text, Form::Http) {
        Ok(url) if url.query().is_some() || url.fragment().is_some() => refuse("has a query or a fragment"),
        Ok(url) => Ok(url),
        Err(problem) => refuse(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Endpoints, String> {
        Endpoints::from_environment(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_services_own_address_comes_before_the_one_for_all() {
        let all = "https://all.example.com/";
        for service in SERVICE_IDS {
            let variable = variable(service);
            let endpoints = read(&[(URL, all), (&variable, " https://own.example.com/\n")]).unwrap();
            for other in SERVICE_IDS {
                let expected = if other == service { "https://own.example.com/" } else { all };
                assert_eq!(endpoints.url(other).map(Url::as_str), Some(expected), "{other:?}");
            }
            let own = read(&[(&variable, "http://127.0.0.1:1")]).unwrap();
            assert_eq!(SERVICE_IDS.into_iter().filter(|other| own.url(other).is_some()).count(), 1);
            assert_eq!(read(&[(IGNORE, "true"), (URL, all), (&variable, all)]).unwrap().url(service), None);
        }
        assert_eq!(read(&[(URL, "")]).unwrap(), Endpoints::default());
    }

    #[test]
    fn what_no_sdk_takes_is_a_sentence() {
        for (variables, sentence) in [
            (&[(FIPS, "yes")][..], "`AWS_USE_FIPS_ENDPOINT` is \"yes\"; use true or false"),
            (&[(DUAL_STACK, "1")], "`AWS_USE_DUALSTACK_ENDPOINT` is \"1\"; use true or false"),
            (&[(URL, "example.com")], "`AWS_ENDPOINT_URL` is \"example.com\", which is not an http or https URL"),
            (
                &[("AWS_ENDPOINT_URL_SECRETS_MANAGER", "ftp://x")],
                "`AWS_ENDPOINT_URL_SECRETS_MANAGER` is \"ftp://x\", which is not an http or https URL",
            ),
            (
                &[(URL, "https:own.example.com")],
                "`AWS_ENDPOINT_URL` is \"https:own.example.com\", which is not an http or",
            ),
            (&[(URL, "https:///own.example.com")], "which is not an http or https URL"),
            (&[(URL, "https://own.example.com\\x")], "which is not an http or https URL"),
            (
                &[(URL, "https://user:word@own.example.com/")],
                "`AWS_ENDPOINT_URL` names a user; give an address such as",
            ),
            (&[(URL, "https://own.example.com/base?x=1")], "/base?x=1\", which has a query or a fragment"),
            (&[(URL, "https://own.example.com/#f")], "/#f\", which has a query or a fragment"),
            (
                &[(FIPS, "true"), (URL, "https://example.com")],
                "`AWS_USE_FIPS_ENDPOINT` and `AWS_ENDPOINT_URL` exclude each other",
            ),
            (
                &[(DUAL_STACK, "TRUE"), ("AWS_ENDPOINT_URL_CLOUDFORMATION", "https://example.com")],
                "`AWS_USE_DUALSTACK_ENDPOINT` and `AWS_ENDPOINT_URL_CLOUDFORMATION` exclude each other",
            ),
        ] {
            let problem = read(variables).unwrap_err();
            assert!(problem.contains(sentence) && !problem.contains("user:word"), "{problem}");
        }
        assert!(read(&[(FIPS, "False"), (DUAL_STACK, "false"), (URL, "https://example.com")]).is_ok());
    }

    #[test]
    fn hosts_follow_the_rule_of_the_sdks() {
        for (fips, dual_stack, expected) in [
            ("false", "false", "x.us-east-1.amazonaws.com"),
            ("true", "false", "x-fips.us-east-1.amazonaws.com"),
            ("false", "true", "x.us-east-1.api.aws"),
            ("true", "true", "x-fips.us-east-1.api.aws"),
        ] {
            let endpoints = read(&[(FIPS, fips), (DUAL_STACK, dual_stack)]).unwrap();
            assert_eq!(endpoints.host("x", "us-east-1.amazonaws.com"), expected);
            let named = endpoints.host("x-fips", "us-east-1.amazonaws.com");
            assert!(named.starts_with("x-fips.us-east-1."), "{named}");
        }
        let dual = read(&[(DUAL_STACK, "true")]).unwrap();
        assert_eq!(dual.host("x", "cn-north-1.amazonaws.com.cn"), "x.cn-north-1.api.amazonwebservices.com.cn");
    }

    #[test]
    fn a_region_is_in_one_partition() {
        for (region, area) in [
            ("us-east-1", ""),
            ("ap-southeast-12", ""),
            ("mx-central-1", ""),
            ("cn-north-1", "cn"),
            ("eusc-de-east-1", "eusc-de"),
            ("us-gov-west-1", "us-gov"),
            ("us-iso-east-1", "us-iso"),
            ("us-isob-east-1", "us-isob"),
            ("eu-isoe-west-1", "eu-isoe"),
            ("us-isof-south-1", "us-isof"),
        ] {
            assert_eq!(Partition::of(region).map(|partition| partition.area), Some(area), "{region}");
        }
        for text in [
            "",
            "s3",
            "elb",
            "s3-us-west-2",
            "us-east",
            "us-east-",
            "us--1",
            "-east-1",
            "us-east-1a",
            "US-EAST-1",
            "xyz-east-1",
        ] {
            assert_eq!(Partition::of(text), None, "{text}");
        }
    }
}

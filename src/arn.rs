//! ARNs, `arn:<partition>:<service>:<region>:<account>:<resource>` (AWS General Reference), and the checks of properties
//! that hold one.

use crate::error::Error;
use crate::text::quote;

/// The parts of an ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub(crate) partition: &'a str,
    /// The service's name in ARNs.
    pub(crate) service: &'a str,
    /// The Region. Empty for a global service.
    pub(crate) region: &'a str,
    /// The account.
    pub(crate) account: &'a str,
    /// The rest, which may contain colons.
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Parses an ARN. Returns `None` for any other text.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        match text.splitn(6, ':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, service, region, account, resource] => {
                Some(Self { partition, service, region, account, resource })
            }
            _ => None,
        }
    }

    /// Parses an ARN of this service. Returns `None` for any other text.
    pub(crate) fn of_service(service: &str, text: &'a str) -> Option<Self> {
        Self::parse(text).filter(|arn| arn.service == service)
    }

    /// Returns true if the partition is AWS's, and the account is a number of twelve digits.
    pub(crate) fn is_in_account(&self) -> bool {
        self.partition.starts_with("aws")
            && self.account.len() == 12
            && self.account.chars().all(|digit| digit.is_ascii_digit())
    }

    /// Returns the ARN of a resource of another service in the same partition, Region and account.
    pub(crate) fn neighbor(&self, service: &str, resource: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// Refuses a value that is not the ARN of a role.
pub(crate) fn check_role(property: &str, text: &str) -> Result<(), Error> {
    let is_role = |arn: Arn<'_>| {
        arn.is_in_account()
            && arn.region.is_empty()
            && arn.resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
    };
    if Arn::of_service("iam", text).is_some_and(is_role) {
        return Ok(());
    }
    let problem = format!("is {}; use a role's ARN, `arn:aws:iam::<account>:role/<name>`", quote(text));
    Err(Error::property(property, problem))
}

/// Refuses a value that is not the ARN of a KMS key. An alias is not one.
pub(crate) fn check_kms_key(property: &str, text: &str) -> Result<(), Error> {
    let is_key = |arn: Arn<'_>| {
        arn.is_in_account() && arn.resource.strip_prefix("key/").is_some_and(|id| id.len() == 36 && !id.contains(':'))
    };
    if Arn::of_service("kms", text).is_some_and(is_key) {
        return Ok(());
    }
    let problem = format!("is {}; use a key's ARN, `arn:aws:kms:<region>:<account>:key/<id>`, no alias", quote(text));
    Err(Error::property(property, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_keeps_its_colons() {
        let arn = Arn::parse("arn:aws-cn:lambda:cn-north-1:111122223333:function:name:1").expect("an ARN");
        assert_eq!((arn.partition, arn.region, arn.resource), ("aws-cn", "cn-north-1", "function:name:1"));
        assert_eq!(arn.neighbor("logs", "log-group:a:b"), "arn:aws-cn:logs:cn-north-1:111122223333:log-group:a:b");
        for text in ["", "arn", "arn:aws:iam::111122223333", "urn:aws:iam::111122223333:role/a"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_role_is_named_by_its_arn() {
        assert!(check_role("RoleArn", "arn:aws-us-gov:iam::111122223333:role/path/mcp").is_ok());
        for arn in [
            "arn:aws:iam::ABCDEFGHIJKL:role/mcp",
            "arn:aws:iam::1111222233334:role/mcp",
            "arn:aws:iam:us-east-1:111122223333:role/mcp",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:user/mcp",
            "mcp",
        ] {
            assert!(check_role("RoleArn", arn).is_err(), "{arn}");
        }
    }

    #[test]
    fn a_key_is_named_by_its_arn() {
        let id = "0a1b2c3d-0000-1111-2222-333344445555";
        assert!(check_kms_key("KmsKeyArn", &format!("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/{id}")).is_ok());
        for arn in [id.to_owned(), "arn:aws:kms:us-east-1:111122223333:alias/mcp".to_owned(), String::new()] {
            assert!(check_kms_key("KmsKeyArn", &arn).is_err(), "{arn}");
        }
    }
}

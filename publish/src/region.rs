//! Regions, and what depends on the partition they are in: host names.

use std::fmt;
use std::str::FromStr;

/// A Region of a partition whose host names are known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    name: String,
    partition: Partition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Partition {
    Commercial,
    China,
    GovCloud,
}

impl Region {
    /// Returns the name: `us-east-1`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the console's host: `us-east-1.console.aws.amazon.com`.
    pub(crate) fn console_host(&self) -> String {
        let domain = match self.partition {
            Partition::Commercial => "console.aws.amazon.com",
            Partition::China => "console.amazonaws.cn",
            Partition::GovCloud => "console.amazonaws-us-gov.com",
        };
        format!("{}.{domain}", self.name)
    }

    /// Returns S3's host: `s3.us-east-1.amazonaws.com`.
    pub(crate) fn s3_host(&self) -> String {
        let suffix = if self.partition == Partition::China { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("s3.{}.{suffix}", self.name)
    }

    /// Returns the partition as in ARNs: `aws`.
    pub(crate) fn partition(&self) -> &'static str {
        match self.partition {
            Partition::Commercial => "aws",
            Partition::China => "aws-cn",
            Partition::GovCloud => "aws-us-gov",
        }
    }
}

/// The part of a Region's name before its number. The areas before this part are not listed, because AWS adds new ones.
const DIRECTIONS: [&str; 9] =
    ["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('-').collect();
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        let well_formed = match parts.as_slice() {
            [area @ .., direction, number] => {
                !area.is_empty()
                    && area.iter().all(word)
                    && DIRECTIONS.contains(direction)
                    && matches!(number.as_bytes(), [b'1'..=b'9'])
            }
            _ => false,
        };
        if !well_formed {
            return Err("is not a Region such as us-east-1".to_owned());
        }
        let partition = match parts.as_slice() {
            ["cn", ..] => Partition::China,
            ["us", "gov", ..] => Partition::GovCloud,
            ["eusc", ..] => return Err("is in a partition whose console is not known here".to_owned()),
            [_, isolated, ..] if isolated.starts_with("iso") => {
                return Err("is in a partition whose console is not known here".to_owned());
            }
            _ => Partition::Commercial,
        };
        Ok(Self { name: text.to_owned(), partition })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_follow_the_partition() {
        let hosts = |name: &str| {
            let region: Region = name.parse().expect("a Region");
            (region.console_host(), region.s3_host())
        };
        let pair = |console: &str, s3: &str| (console.to_owned(), s3.to_owned());
        assert_eq!(hosts("us-east-1"), pair("us-east-1.console.aws.amazon.com", "s3.us-east-1.amazonaws.com"));
        assert_eq!(hosts("cn-north-1"), pair("cn-north-1.console.amazonaws.cn", "s3.cn-north-1.amazonaws.com.cn"));
        assert_eq!(
            hosts("us-gov-west-1"),
            pair("us-gov-west-1.console.amazonaws-us-gov.com", "s3.us-gov-west-1.amazonaws.com")
        );
    }

    #[test]
    fn a_name_that_is_not_a_region_is_refused() {
        for wrong in [
            "",
            "us-east",
            "us-esat-1",
            "east-1",
            "us-east-1a",
            "US-EAST-1",
            "us--1",
            "us-iso-east-1",
            "eusc-de-east-1",
            "us-east-1/x",
        ] {
            assert!(wrong.parse::<Region>().is_err(), "{wrong}");
        }
    }
}

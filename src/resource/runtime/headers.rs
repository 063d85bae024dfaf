//! The list of request headers that AgentCore passes on to a container.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::header_name::header_name_problem;
use crate::text::quote;

const NAME: &str = "RequestHeaders";
pub(super) const HEADERS_MAX: usize = 20;

/// Refuses a list that AgentCore would refuse.
pub(super) fn check(headers: &[String], jwt: bool) -> Result<(), Error> {
    let refuse = |problem: String| Err(Error::property(NAME, problem));
    if headers.len() > HEADERS_MAX {
        return refuse(format!("has {} entries; AgentCore passes at most {HEADERS_MAX}", headers.len()));
    }
    let mut seen = BTreeSet::new();
    for header in headers {
        let lower = header.to_ascii_lowercase();
        if let Some(objection) = header_name_problem(header) {
            return refuse(format!("lists {}, {objection}", quote(header)));
        }
        if !seen.insert(lower.clone()) {
            return refuse(format!("lists {} twice; names differ by more than case", quote(header)));
        }
        if lower == "authorization" && !jwt {
            let advice = "set `InboundAuth` to JWT or remove it";
            return refuse(format!("lists `Authorization`, which only a JWT runtime passes on; {advice}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_agentcore_refuses() {
        let check = |names: &[&str], jwt| check(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), jwt);
        assert!(
            check(&["X-Api-Key", "Mcp-Session-Id", "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant"], false).is_ok()
        );
        assert!(check(&["Authorization"], true).is_ok());
        for names in [
            &["Authorization"][..],
            &["A", "a"],
            &["x-amz-date"],
            &["X-Amzn-Trace-Id"],
            &["Host"],
            &["Range"],
            &["If-Match"],
            &["X-Csrf-Token"],
            &["bad header"],
        ] {
            assert!(check(names, false).is_err(), "{names:?}");
        }
    }
}

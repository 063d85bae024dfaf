//! Verifies before a create or an update of a runtime that its identity provider issues tokens that it can accept.

use super::configuration::Configuration;
use super::properties::Properties;
use crate::error::Error;
use crate::job::Job;
use crate::oauth;
use crate::stack::unless_rolling_back;

/// Refuses an IdP that cannot issue tokens. An IdP that the runtime trusts already is not asked, unless the template
/// describes it differently than before.
pub(super) async fn check_idp(
    job: &Job<'_>,
    properties: &Properties,
    live: Option<&Configuration>,
    old: Option<&Properties>,
) -> Result<(), Error> {
    let Some(discovery) = &properties.discovery else { return Ok(()) };
    let restated = old.and_then(|old| old.discovery.as_ref()).is_some_and(|old| discovery.is_restated(old));
    if live.is_some_and(|live| live.trusts(discovery)) && !restated {
        return Ok(());
    }
    let found = oauth::discover(job.context, job.deadline, discovery).await;
    if let Some(metadata) = unless_rolling_back(job, found)? {
        metadata.log_signing_doubt();
    }
    Ok(())
}

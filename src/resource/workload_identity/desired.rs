//! A workload identity as the engine provisions it.

use std::collections::{BTreeMap, BTreeSet};

use super::governed::GOVERNED;
use super::properties::Properties;
use crate::agentcore::workload_identity::{self, Identity, WorkloadIdentity};
use crate::error::Error;
use crate::job::Job;
use crate::resource::named_type::Named;

impl Named for Properties {
    type Noun = WorkloadIdentity;
    /// The URLs to which users may return.
    type Configuration = BTreeSet<String>;

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    async fn configuration(
        &self,
        _: &Job<'_>,
        _: Option<&Self>,
        _: Option<&Identity>,
    ) -> Result<BTreeSet<String>, Error> {
        Ok(self.return_urls.clone())
    }

    async fn create(
        job: &Job<'_>,
        name: &str,
        return_urls: &BTreeSet<String>,
        tags: BTreeMap<String, String>,
    ) -> Result<Identity, Error> {
        let request = job.context.agentcore.create_workload_identity().name(name);
        let request = request
            .set_allowed_resource_oauth2_return_urls(Some(return_urls.iter().cloned().collect()))
            .set_tags(Some(tags.into_iter().collect()));
        workload_identity::create(job, request).await
    }

    /// Sends an empty list, too: nothing says that leaving it out removes the former URLs.
    async fn update(job: &Job<'_>, name: &str, return_urls: &BTreeSet<String>) -> Result<Option<Identity>, Error> {
        let request = job.context.agentcore.update_workload_identity();
        let request = request.set_allowed_resource_oauth2_return_urls(Some(return_urls.iter().cloned().collect()));
        workload_identity::update(job, name, request, &GOVERNED).await
    }

    fn is_applied(return_urls: &BTreeSet<String>, live: &Identity) -> bool {
        *return_urls == live.return_urls
    }

    /// A URL that was removed and is still allowed would receive what users bring back.
    fn unapplied(return_urls: &BTreeSet<String>, live: &Identity) -> Vec<&'static str> {
        if *return_urls == live.return_urls { Vec::new() } else { vec!["return URLs"] }
    }
}

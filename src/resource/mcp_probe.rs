//! `Custom::AgentCoreMcpProbe`: proof that an MCP server answers. A runtime that is READY has not started its container
//! yet; this speaks MCP to it and counts its tools.
//!
//! Calls: the server itself; GetAgentRuntime to compare a token with the runtime's authorizer; FilterLogEvents to say
//! why a container did not start; GetSecretValue for the client's secret and for masking log lines. Identifier:
//! `probe:<hash>`, always the same. Every Create and Update probes anew; Delete has nothing to do.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::error::{Error, Failure};
use crate::event::RawProperties;
use crate::identity::Identity;
use crate::job::{Job, Outcome, Success};
use crate::mcp::{self, Catalogue, Credential};
use crate::oauth;
use crate::properties::PropertyReader;
use crate::resource::Lifecycle;
use crate::wait::Deadline;

mod anonymous;
mod claims;
mod evidence;
mod properties;
mod verdict;

use properties::{Auth, BearerClient, Mode, Properties};
use verdict::Verdict;

/// All attempts together. A server that starts slowly once is caught; the rest of the invocation stays for the answer.
const BUDGET: Duration = Duration::from_mins(4);
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct McpProbe;

impl Lifecycle for McpProbe {
    const TYPE: &'static str = "Custom::AgentCoreMcpProbe";
    const PROPERTIES: &'static [&'static str] = &properties::NAMES;
    type Properties = Properties;

    fn parse(reader: &PropertyReader<'_>) -> Result<Properties, Error> {
        properties::parse(reader)
    }

    fn name(_: &Properties, identity: &Identity) -> String {
        physical_id(identity)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        run(job, &properties).await
    }

    async fn update(job: &Job<'_>, _: &str, properties: Properties, _: Option<Properties>) -> Outcome {
        run(job, &properties).await
    }

    async fn delete(_: &Job<'_>, physical_id: &str, _: &RawProperties) -> Outcome {
        Ok(Success::deleted(physical_id))
    }
}

fn physical_id(identity: &Identity) -> String {
    format!("probe:{}", identity.suffix())
}

async fn run(job: &Job<'_>, properties: &Properties) -> Outcome {
    let id = physical_id(job.identity());
    let outcome = verify(job, properties).await;
    match (outcome, properties.mode) {
        (Ok(finding), _) => Ok(Success { physical_id: id, attributes: finding.attributes(job) }),
        (Err(Error::Unverified { code, sentence }), Mode::Report) => {
            info!(code, "reported");
            let finding = Finding { result: format!("FAILED:{code}"), detail: sentence, catalogue: None };
            Ok(Success { physical_id: id, attributes: finding.attributes(job) })
        }
        (Err(error), _) => Err(Failure { error, physical_id: Some(id) }),
    }
}

/// What a probe found out.
struct Finding {
    result: String,
    detail: String,
    catalogue: Option<Catalogue>,
}

impl Finding {
    fn attributes(self, job: &Job<'_>) -> BTreeMap<&'static str, String> {
        /// The attributes share the answer's 4096 bytes.
        const DETAIL_CHARS_MAX: usize = 1000;
        let detail: String = job.mask.apply(&self.detail).chars().take(DETAIL_CHARS_MAX).collect();
        let of = |text: fn(&Catalogue) -> String| self.catalogue.as_ref().map(text).unwrap_or_default();
        BTreeMap::from([
            ("Result", self.result.clone()),
            ("Detail", detail),
            ("ToolCount", self.catalogue.as_ref().map_or(0, |catalogue| catalogue.tools.len()).to_string()),
            ("ServerName", of(|catalogue| catalogue.server_name.clone())),
            ("ServerVersion", of(|catalogue| catalogue.server_version.clone())),
            ("ProtocolVersion", of(|catalogue| catalogue.protocol_version.clone())),
        ])
    }
}

async fn verify(job: &Job<'_>, properties: &Properties) -> Result<Finding, Error> {
    let deadline = job.deadline.at_most(BUDGET);
    let credential = match &properties.auth {
        Auth::Iam => Credential::SigV4,
        Auth::Bearer(client) => Credential::Bearer(token(job, properties, client).await?),
        Auth::Anonymous => {
            let detail = anonymous::check(job, deadline, properties).await?;
            return Ok(Finding { result: "PASSED".to_owned(), detail, catalogue: None });
        }
    };
    let catalogue = ask(job, deadline, properties, &credential).await?;
    properties.check(&catalogue)?;
    let detail = format!("the server answers and lists {} tools", catalogue.tools.len());
    Ok(Finding { result: "PASSED".to_owned(), detail, catalogue: Some(catalogue) })
}

/// A token by client credentials that the runtime's authorizer will accept.
async fn token(
    job: &Job<'_>,
    properties: &Properties,
    client: &BearerClient,
) -> Result<crate::sensitive::Sensitive, Error> {
    let credentials = client.client.credentials(job).await?;
    let metadata = oauth::discover(job.context, "DiscoveryUrl", &client.discovery_url).await?;
    let token = oauth::mint(job.context, &metadata, &credentials).await?;
    job.mask.add(&token.value);
    claims::check(job, &properties.endpoint, &credentials.client_id, &token).await?;
    Ok(token.value)
}

/// Asks until the server answers, the answer is final, or the budget is spent.
async fn ask(
    job: &Job<'_>,
    deadline: Deadline,
    properties: &Properties,
    credential: &Credential,
) -> Result<Catalogue, Error> {
    let started = Instant::now();
    let mut pause = PAUSE_MIN;
    let mut cold_starts = 0;
    loop {
        let attempt = deadline.limit(mcp::catalogue(job.context, &properties.endpoint, credential)).await;
        let Some(attempt) = attempt else {
            return Err(Error::unverified("TIMED_OUT", "the server did not answer within the probe's budget"));
        };
        let refusal = match attempt {
            Ok(catalogue) => return Ok(catalogue),
            Err(refusal) => refusal,
        };
        let verdict = verdict::judge(&refusal, credential, started.elapsed(), &mut cold_starts);
        info!(status = refusal.seen.as_ref().map(|seen| seen.status), code = verdict.code(), "the server refused");
        if let Verdict::Retry { .. } = verdict
            && deadline.sleep(pause).await.is_ok()
        {
            pause = (pause * 2).min(PAUSE_MAX);
            continue;
        }
        let evidence = match (verdict.concerns_container(), &properties.log_group_name) {
            (true, Some(group)) => evidence::last_lines(job, group, properties.secret_id.as_deref()).await,
            _ => String::new(),
        };
        return Err(Error::unverified(verdict.code(), format!("{}{evidence}", verdict.sentence())));
    }
}

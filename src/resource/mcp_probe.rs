//! `Custom::AgentCoreMcpProbe`: proof that an MCP server answers. A runtime that is READY has not started its container
//! yet, so the probe speaks MCP to it and counts its tools.
//!
//! Calls: the server itself. GetAgentRuntime to compare a token with the runtime's authorizer. ListTagsForResource and
//! FilterLogEvents to say why a container did not start. GetSecretValue for the client's secret and for masking log lines. Behind a gateway:
//! GetGateway, GetGatewayTarget, and SynchronizeGatewayTargets if the gateway's list is not the expected one.
//! Identifier: `probe:<hash>`, always the same. Every Create and Update probes again. Delete has nothing to do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_bedrockagentcorecontrol::types::AuthorizerType;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tracing::info;

use crate::agentcore::gateway_target::TargetRef;
use crate::code::Code;
use crate::container_log;
use crate::error::Error;
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::mcp::url::Place;
use crate::mcp::{self, Access, Call, Catalogue, Credential, Failure};
use crate::oauth::client::Client;
use crate::oauth::{self, Discovery};
use crate::requester::Requester;
use crate::resource::lifecycle::Lifecycle;
use crate::sensitive::Sensitive;
use crate::stack::unless_rolling_back;
use crate::text::{cut, quote, visible};
use crate::wait::Deadline;

mod challenge;
mod claims;
mod clients;
mod gateway;
mod log_ownership;
mod long_names;
mod properties;
mod verdict;

use gateway::Gateway;
pub(crate) use properties::Mode;
use properties::{Auth, Properties};
use verdict::{Attempt, Verdict};

/// The time for all attempts together, without a synchronization between them. It covers one slow start of a server.
/// The rest of the invocation stays for the answer.
const BUDGET: Duration = Duration::from_mins(4);
/// The part of the budget that remains at least for attempts after a synchronization.
const SYNCHRONIZED_BUDGET_MIN: Duration = Duration::from_mins(1);
/// The age up to which log lines count: the budget and a cold start before it.
const LOG_WINDOW: Duration = Duration::from_mins(6);
/// The time that a line may take from the server to its log.
const LOG_ARRIVAL: Duration = Duration::from_secs(5);
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// The time for which a gateway may answer with its previous list after a synchronization.
const CATALOGUE_TIMEOUT: Duration = Duration::from_secs(20);
/// The time for which the probe requests a gateway's list before it synchronizes the target instead.
const LISTING_TIMEOUT: Duration = Duration::from_secs(45);

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct McpProbe;

impl Lifecycle for McpProbe {
    const TYPE: &'static str = "Custom::AgentCoreMcpProbe";
    const ATTRIBUTES: &'static [&'static str] =
        &["Result", "Detail", "ToolCount", "ServerName", "ServerVersion", "ProtocolVersion"];
    type Properties = Properties;

    fn name(_: &Properties, requester: &Requester) -> String {
        physical_id(requester)
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

fn physical_id(requester: &Requester) -> String {
    format!("probe:{}", requester.suffix())
}

/// Probes the server, whatever the mode. Returns the names of its tools, or `None` if there are no credentials to ask with.
pub(super) async fn tools(job: &Job<'_>, properties: &Properties) -> Result<Option<BTreeSet<String>>, Error> {
    let finding = probe(job, properties).await?;
    Ok(finding.catalogue.map(|catalogue| catalogue.tools.into_iter().collect()))
}

/// Returns the names of the tools that a gateway lists for its target, without the target's. Returns `None` if the gateway
/// does not tell this function: its callers need a token, or it does not answer.
pub(crate) async fn listed_by_gateway(job: &Job<'_>, target: &TargetRef) -> Result<Option<BTreeSet<String>>, Error> {
    let gateway = Gateway::read(job, target).await?;
    let credential = match gateway.authorizer_type() {
        AuthorizerType::AwsIam => Credential::SigV4,
        AuthorizerType::None => Credential::Nothing,
        _ => return Ok(None),
    };
    let Some(url) = gateway.url() else { return Ok(None) };
    let access = Access { credential, headers: Vec::new(), caller: job.requester.suffix() };
    let listing = mcp::catalogue(job.context, &url, access);
    let listed = job.deadline.at_most(LISTING_TIMEOUT).limit(listing).await;
    Ok(listed.and_then(Result::ok).map(|catalogue| gateway.own(catalogue).tools.into_iter().collect()))
}

async fn probe(job: &Job<'_>, properties: &Properties) -> Result<Finding, Error> {
    let mut finding = verify(job, properties).await.map_err(|error| with_doubt(job, properties, error))?;
    if properties.endpoint.place() == Place::Gateway {
        let remark = job.context.endpoints.gateway_remark().map(|remark| format!("; {remark}"));
        finding.detail.push_str(&remark.unwrap_or_default());
    }
    Ok(finding)
}

async fn run(job: &Job<'_>, properties: &Properties) -> Outcome {
    let id = physical_id(job.requester);
    let finding = match probe(job, properties).await {
        Ok(finding) => finding,
        Err(error) => match (Finding::failed(&error), properties.mode) {
            (Some(finding), Mode::Report) => finding,
            (Some(finding), Mode::Strict) => match unless_rolling_back(job, Err::<Finding, _>(error)) {
                Ok(_) => finding,
                Err(error) => return Err(error.with_id(id)),
            },
            (None, _) => return Err(error.with_id(id)),
        },
    };
    info!(result = finding.result, "probed");
    Ok(Success { physical_id: id, attributes: finding.attributes(job) })
}

/// Adds [`Endpoints::doubt`] to an error, because a runtime is called at the endpoint of the kind that the function's
/// environment asks for.
///
/// [`Endpoints::doubt`]: crate::endpoints::Endpoints::doubt
fn with_doubt(job: &Job<'_>, properties: &Properties, error: Error) -> Error {
    let doubt = job.context.endpoints.doubt(&job.context.region);
    match (error, doubt) {
        (Error::Unverified { code: code @ Code::Unreachable, sentence }, Some(doubt))
            if properties.endpoint.place() == Place::Runtime =>
        {
            Error::unverified(code, format!("{sentence}; {doubt}"))
        }
        (error, _) => error,
    }
}

/// The result of a probe.
struct Finding {
    result: String,
    detail: String,
    catalogue: Option<Catalogue>,
}

impl Finding {
    /// Returns the finding for a verification that did not pass, or `None` for an error of another kind.
    fn failed(error: &Error) -> Option<Self> {
        let Error::Unverified { code, sentence } = error else { return None };
        Some(Self { result: format!("FAILED:{}", code.as_str()), detail: sentence.clone(), catalogue: None })
    }

    /// Returns the attributes for `Fn::GetAtt`.
    fn attributes(self, job: &Job<'_>) -> BTreeMap<&'static str, String> {
        /// The maximum size of `Detail`. The attributes share the answer's 4096 bytes, of which a stack's name and the
        /// like take up to one thousand.
        const DETAIL_BYTES_MAX: usize = 2000;
        const NAME_BYTES_MAX: usize = 250;
        let shown = |text: &str, bytes_max| cut(&visible(text), bytes_max).into_owned();
        let of = |text: fn(&Catalogue) -> &str| {
            let text = self.catalogue.as_ref().map_or("", text);
            shown(&job.mask.apply_to_foreign(text), NAME_BYTES_MAX)
        };
        BTreeMap::from([
            ("ToolCount", self.catalogue.as_ref().map_or(0, |catalogue| catalogue.tools.len()).to_string()),
            ("ServerName", of(|catalogue| &catalogue.server_name)),
            ("ServerVersion", of(|catalogue| &catalogue.server_version)),
            ("ProtocolVersion", of(|catalogue| &catalogue.protocol_version)),
            ("Detail", shown(&job.mask.apply(&self.detail), DETAIL_BYTES_MAX)),
            ("Result", self.result),
        ])
    }
}

/// The credentials of calls, once the server's demands are known.
enum Admission<'a> {
    Signed,
    Token(&'a Client),
    Challenge,
    Open,
}

fn admission<'a>(properties: &'a Properties, gateway: Option<&Gateway>) -> Admission<'a> {
    match (&properties.auth, gateway.map(Gateway::authorizer_type)) {
        (Auth::Iam, _) | (Auth::OfGateway(_), None | Some(AuthorizerType::AwsIam)) => Admission::Signed,
        (Auth::OfGateway(_), Some(AuthorizerType::None)) => Admission::Open,
        (Auth::Bearer(client) | Auth::OfGateway(Some(client)), _) => Admission::Token(client),
        (Auth::Anonymous | Auth::OfGateway(None), _) => Admission::Challenge,
    }
}

async fn verify(job: &Job<'_>, properties: &Properties) -> Result<Finding, Error> {
    let mut gateway = match &properties.target {
        Some(target) => Some(Gateway::read(job, target).await?),
        None => None,
    };
    let of_gateway = gateway.as_ref().and_then(Gateway::authorizer);
    let discovery = match (&properties.discovery, of_gateway) {
        (None, Some(authorizer)) => Some(Discovery::of_live("gateway", authorizer.discovery_url())?),
        (given, _) => given.clone(),
    };
    let credential = match admission(properties, gateway.as_ref()) {
        Admission::Signed => Credential::SigV4,
        Admission::Open => Credential::Nothing,
        Admission::Token(client) => {
            Credential::Bearer(token(job, properties, gateway.as_ref(), discovery, client).await?)
        }
        Admission::Challenge if properties.call.is_some() => {
            let problem = "needs a token, because the gateway takes tokens, and no client is given; give `ClientId` with a \
                           secret, or leave this out";
            return Err(Error::property("CallTool", problem));
        }
        Admission::Challenge => {
            let deadline = job.deadline.at_most(BUDGET);
            let detail = challenge::check(job, deadline, &properties.endpoint, discovery.as_ref()).await?;
            if let Some(gateway) = gateway.as_mut().filter(|gateway| gateway.is_unproven()) {
                gateway.synchronize(job).await?;
            }
            return Ok(Finding { result: "PASSED".to_owned(), detail, catalogue: None });
        }
    };
    let destination = properties.endpoint.destination(&job.context.endpoints, &job.context.region);
    if matches!(credential, Credential::SigV4) && destination.signing_region.is_none() {
        let problem = "is not the address of a runtime or a gateway in this partition, and no other gets requests that are \
                       signed as the function's role: use `https://bedrock-agentcore.<Region>.<suffix>/runtimes/<id or \
                       ARN>/invocations?…` or the gateway's URL, or set `Auth` to BEARER or ANONYMOUS";
        return Err(Error::property("Endpoint", problem));
    }
    let headers = properties.read_secret_headers(job).await?;
    let access = Access { credential, headers, caller: job.requester.suffix().clone() };
    let deadline = job.deadline.at_most(BUDGET);
    let (detail, catalogue) = match gateway {
        None => {
            let catalogue = ask(job, properties, None, &access, Calls::OnceListed, deadline).await?;
            properties.check(job, &catalogue, None)?;
            let long = long_names::problem(job, None, &catalogue);
            (format!("the server answers and lists {} tools{long}", catalogue.tools.len()), catalogue)
        }
        Some(mut gateway) => {
            let catalogue = through(job, properties, &access, &mut gateway, deadline).await?;
            let (count, target) = (catalogue.tools.len(), gateway.target_name());
            let long = long_names::problem(job, Some(&gateway), &catalogue);
            (format!("the gateway answers and lists {count} tools of target {target}{long}"), catalogue)
        }
    };
    let called = properties.call.as_ref().map(|call| format!("; a call of the tool {} succeeded", quote(&call.tool)));
    let detail = format!("{detail}{}", called.unwrap_or_default());
    Ok(Finding { result: "PASSED".to_owned(), detail, catalogue: Some(catalogue) })
}

/// Returns the target's tools as the gateway lists them, which are the expected ones. Synchronizes the target if they
/// were not before, or if the gateway never had them from the server.
async fn through(
    job: &Job<'_>,
    properties: &Properties,
    access: &Access,
    gateway: &mut Gateway,
    deadline: Deadline,
) -> Result<Catalogue, Error> {
    let started = Instant::now();
    let calls = if gateway.is_unproven() { Calls::Never } else { Calls::OnceListed };
    let catalogue = gateway.own(ask(job, properties, Some(gateway), access, calls, deadline).await?);
    let left = BUDGET.saturating_sub(started.elapsed());
    let checked = properties.check(job, &catalogue, Some(gateway));
    if checked.is_ok() && !gateway.is_unproven() {
        return Ok(catalogue);
    }
    if !gateway.can_synchronize() {
        return checked.map(|()| catalogue);
    }
    info!(expected = checked.is_ok(), "synchronizing the target");
    gateway.synchronize(job).await?;
    let deadline = job.deadline.at_most(left.max(SYNCHRONIZED_BUDGET_MIN));
    let started = Instant::now();
    loop {
        let asked = ask(job, properties, Some(gateway), access, Calls::OnceListed, deadline).await?;
        let catalogue = gateway.own(asked);
        let checked = properties.check(job, &catalogue, Some(gateway));
        let may_be_stale = checked.is_err() && started.elapsed() < CATALOGUE_TIMEOUT;
        if !may_be_stale || deadline.sleep(PAUSE_MIN).await.is_err() {
            return checked.map(|()| catalogue);
        }
    }
}

/// Gets a token by client credentials that the authorizer of the gateway or of the runtime accepts.
async fn token(
    job: &Job<'_>,
    properties: &Properties,
    gateway: Option<&Gateway>,
    discovery: Option<Discovery>,
    client: &Client,
) -> Result<Sensitive, Error> {
    let discovery = discovery.ok_or_else(|| {
        Error::property("DiscoveryUrl", "is missing, and the gateway takes no tokens of an IdP; set `Auth` to IAM")
    })?;
    let credentials = client.credentials(job).await?;
    let metadata = oauth::discover(job.context, job.deadline, &discovery).await?;
    let token = oauth::mint(job.context, job.deadline, job.mask, &metadata, &credentials).await?;
    job.mask.add(&token.value);
    claims::check(job, &properties.endpoint, gateway, &credentials.client_id, &token).await?;
    Ok(token.value)
}

/// The calls of the tool that the template names. A call may have effects, so that none comes before a list of tools that
/// will be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Calls {
    Never,
    /// The tool is called in the session that lists the expected tools.
    OnceListed,
}

/// Probes until the server answers, the answer is final, or the budget is spent.
async fn ask(
    job: &Job<'_>,
    properties: &Properties,
    gateway: Option<&Gateway>,
    access: &Access,
    calls: Calls,
    deadline: Deadline,
) -> Result<Catalogue, Error> {
    let place = if properties.target.is_some() { Place::Gateway } else { properties.endpoint.place() };
    let listed_name = |tool: &str| gateway.map_or_else(|| tool.to_owned(), |gateway| gateway.listed_name(tool));
    let call = properties.call.as_ref().filter(|_| calls == Calls::OnceListed);
    let call = call.map(|call| Call { tool: listed_name(&call.tool), arguments: call.arguments.clone() });
    let tool = call.as_ref().map_or("", |call| &call.tool);
    // The secret is read only when there is something to quote.
    let secret = OnceCell::new();
    let learn = || container_log::mask_secret(job, properties.secret_id.as_deref());
    let started = Instant::now();
    let mut pause = PAUSE_MIN;
    let mut cold_starts = 0;
    let mut last = None;
    let verdict = loop {
        match deadline.limit(attempt(job, properties, gateway, access, call.as_ref())).await {
            Some(Ok(catalogue)) => return Ok(catalogue),
            Some(Err(failure)) => {
                let refusal = failure.refusal();
                let seen = refusal.and_then(|refusal| refusal.seen.as_ref());
                let is_silent = refusal.is_some() && seen.is_none();
                let quotable = is_silent || secret.get_or_init(learn).await.is_ok();
                let quote = |words: &str| quotable.then(|| job.quote(words));
                let verdict = match refusal {
                    None => verdict::tool_failed(&failure, tool, place, quote),
                    Some(refusal) => {
                        let called = matches!(failure, Failure::Call(_)).then_some(tool);
                        let (credential, waited) = (&access.credential, started.elapsed());
                        Attempt { refusal, called, credential, place, waited }.judge(quote, &mut cold_starts)
                    }
                };
                info!(status = seen.map(|seen| seen.status), code = verdict.code().as_str(), "the server refused");
                if matches!(verdict, Verdict::Final(..)) || deadline.sleep(pause).await.is_err() {
                    break verdict;
                }
                pause = (pause * 2).min(PAUSE_MAX);
                last = Some(verdict);
            }
            // An earlier answer of the server tells more than its later silence.
            None => {
                break last.unwrap_or_else(|| {
                    Verdict::Final(Code::TimedOut, "the server did not answer within the probe's budget".to_owned())
                });
            }
        }
    };
    let lines = log_lines(job, properties, gateway, &verdict, &secret, deadline).await;
    Err(Error::unverified(verdict.code(), format!("{}{lines}", verdict.sentence())))
}

/// Lists the tools once. If they are the expected ones, calls the tool that the template names.
async fn attempt(
    job: &Job<'_>,
    properties: &Properties,
    gateway: Option<&Gateway>,
    access: &Access,
    call: Option<&Call>,
) -> Result<Catalogue, Failure> {
    let (context, url, access) = (job.context, &properties.endpoint, access.clone());
    let is_expected = |listed: &Catalogue| {
        let own = gateway.map(|gateway| gateway.own(listed.clone()));
        properties.check(job, own.as_ref().unwrap_or(listed), gateway).is_ok()
    };
    match call {
        None => mcp::catalogue(context, url, access).await.map_err(Failure::List),
        Some(call) => mcp::catalogue_and_call(context, url, access, call, is_expected).await,
    }
}

/// Returns the last lines of the container's log, or why none are quoted, as the end of a sentence.
async fn log_lines(
    job: &Job<'_>,
    properties: &Properties,
    gateway: Option<&Gateway>,
    verdict: &Verdict,
    secret: &OnceCell<Result<(), Error>>,
    deadline: Deadline,
) -> String {
    let group = properties.log_group_name.as_deref().filter(|_| verdict.concerns_container());
    let problem = match group {
        Some(group) => log_ownership::problem(job, &properties.endpoint, gateway, group).await,
        None => None,
    };
    match (problem, group, secret.get()) {
        (_, _, Some(Err(error))) => container_log::unquotable(error),
        (Some(problem), _, _) => problem,
        (None, None, _) => String::new(),
        (None, Some(group), _) => {
            let learn = || container_log::mask_secret(job, properties.secret_id.as_deref());
            if let Err(error) = secret.get_or_init(learn).await {
                container_log::unquotable(error)
            } else {
                if !verdict.is_of_start() {
                    // If there is no time to wait, the lines may still be there.
                    let _ = deadline.sleep(LOG_ARRIVAL).await;
                }
                container_log::last_lines(job, group, job.context.now() - LOG_WINDOW).await
            }
        }
    }
}

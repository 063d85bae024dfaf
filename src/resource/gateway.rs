//! `Custom::AgentCoreGateway`: an AgentCore Gateway, the one MCP URL in front of its targets.
//!
//! Calls: CreateGateway, GetGateway, UpdateGateway, DeleteGateway, ListGatewayTargets and GetGatewayTarget (before a
//! delete), ListTagsForResource, TagResource, UntagResource; ListGateways only where a name has to be looked up;
//! GetSecretValue only for `ClientSecretId`; the IdP itself, before an authorizer is made to trust it. Identifier: the
//! gateway's id. Replaces: `GatewayName`, `AuthorizerType`, `SearchType`, `KmsKeyArn`, `SupportedVersions`;
//! everything else updates in place, as a full replace.

use std::collections::BTreeMap;

use aws_sdk_bedrockagentcorecontrol::operation::get_gateway::GetGatewayOutput;
use aws_sdk_bedrockagentcorecontrol::types::GatewayStatus;

use crate::agentcore::{
    self, Conflict, Live, Settled, is_as_new, is_changing, is_name_taken, pending, waiting_for_role,
};
use crate::error::{ApiErrorKind, Error};
use crate::event::RawProperties;
use crate::job::{Job, Outcome, Success};
use crate::requester::Requester;
use crate::resource::lifecycle::Lifecycle;
use crate::tags;
use crate::wait::{Progress, until};

mod api;
mod configuration;
mod deletion;
mod governed;
mod lookup;
mod outputs;
mod preflight;
mod properties;
mod waiting;

use configuration::{Configuration, unchangeable};
use properties::Properties;
use waiting::{failed_status, wait_settled};

/// Tokens that one request may use up for one call: each is good for one set of parameters.
const TOKENS_MAX: u32 = 3;

/// The type's lifecycle.
#[derive(Debug)]
pub(crate) struct Gateway;

impl Lifecycle for Gateway {
    const TYPE: &'static str = "Custom::AgentCoreGateway";
    type Properties = Properties;

    fn name(properties: &Properties, requester: &Requester) -> String {
        properties.name(requester)
    }

    async fn create(job: &Job<'_>, properties: Properties) -> Outcome {
        let authorizer = preflight::authorizer(job, &properties, None, None).await?;
        let wanted = Configuration::wanted(&properties, authorizer, None);
        create_gateway(job, &properties.name(job.requester()), &properties, &wanted).await
    }

    async fn update(job: &Job<'_>, physical_id: &str, properties: Properties, old: Option<Properties>) -> Outcome {
        let Some((live, tags)) = lookup::current(job, physical_id, &properties).await? else {
            return replace(job, physical_id, &properties).await;
        };
        if let Some(property) = unchangeable(&properties, old.as_ref(), &live) {
            return match properties.name {
                Some(_) => Err(cannot_change(property, physical_id).into()),
                None => replace(job, physical_id, &properties).await,
            };
        }
        if let Some(old) = &old {
            lookup::delete_abandoned(job, physical_id, &properties, old).await?;
        }
        let authorizer = preflight::authorizer(job, &properties, Some(&live), old.as_ref()).await?;
        let wanted = Configuration::wanted(&properties, authorizer, Some(&live));
        let old_tags = old.as_ref().map(|old| &old.tags);
        Ok(converge(job, live, &properties, &wanted, &tags, old_tags).await?)
    }

    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome {
        if let Some(id) = lookup::find_for_delete(job, physical_id, raw).await? {
            deletion::delete_gateway(job, &id).await?;
        }
        Ok(Success::deleted(physical_id))
    }
}

/// Makes another gateway than the present one, or takes up one of ours that fits: its id makes CloudFormation delete,
/// or forget, the present one.
async fn replace(job: &Job<'_>, physical_id: &str, properties: &Properties) -> Outcome {
    // The rollback of a replacement: what was replaced is still there. One with a chosen name is found by that.
    if properties.name.is_none()
        && let Some(former) = lookup::find_former(job, physical_id, properties).await?
    {
        return take_up(job, properties, &former).await;
    }
    let authorizer = preflight::authorizer(job, properties, None, None).await?;
    let wanted = Configuration::wanted(properties, authorizer, None);
    create_gateway(job, &properties.replacement_name(job.requester()), properties, &wanted).await
}

/// Carries on with a gateway of ours in place of the present one.
async fn take_up(job: &Job<'_>, properties: &Properties, former: &GetGatewayOutput) -> Outcome {
    let authorizer = preflight::authorizer(job, properties, Some(former), None).await?;
    let wanted = Configuration::wanted(properties, authorizer, Some(former));
    let id = former.gateway_id();
    settle_created(job, id, None, properties, &wanted).await.map_err(|error| error.with_id(id))
}

/// Creates the gateway and waits until it is READY; carries on with one of that name that is ours.
async fn create_gateway(job: &Job<'_>, name: &str, properties: &Properties, wanted: &Configuration) -> Outcome {
    let tags = tags::wanted(&properties.tags, job.requester());
    let mut refusal = None;
    for attempt in 1..=TOKENS_MAX {
        let token = job.requester().client_token(&format!("gateway-create-{attempt}"));
        let call = async || api::create(job, name, wanted, &tags, &token).await;
        let (id, known_tags) = match waiting_for_role(job, call).await {
            Ok(id) => (id, Some(&tags)),
            Err(error) if is_name_taken(&error) => {
                let Some(id) = lookup::find_ours(job, name).await? else {
                    // It is gone by now, or was never there and the token is known for another request.
                    refusal = Some(error);
                    continue;
                };
                (id, None)
            }
            Err(error) => return Err(lookup::with_whatever_exists(job, error, name).await),
        };
        return settle_created(job, &id, known_tags, properties, wanted).await.map_err(|error| error.with_id(id));
    }
    Err(refusal.unwrap_or_else(|| Error::Bug("a create was never tried".to_owned())).into())
}

/// Waits until a gateway is READY as wanted: a new one, whose tags are known, or one taken up.
async fn settle_created(
    job: &Job<'_>,
    id: &str,
    known_tags: Option<&BTreeMap<String, String>>,
    properties: &Properties,
    wanted: &Configuration,
) -> Result<Success, Error> {
    // Tokens belong to this request: what it made and is gone was deleted on purpose, by the Delete of a cancelled
    // create for one. It must not be made again.
    let gone = || Error::TerminalStatus {
        what: format!("gateway {id}"),
        status: "not found".to_owned(),
        reasons: "it was deleted while this request waited for it".to_owned(),
    };
    let live = wait_settled(job, id).await?.ok_or_else(gone)?;
    if *live.status() == GatewayStatus::Failed {
        return Err(failed_status(&live));
    }
    if let Some(property) = unchangeable(properties, None, &live) {
        return Err(cannot_change(property, id));
    }
    let tags = match known_tags {
        Some(tags) => tags.clone(),
        None => agentcore::tags(job, live.gateway_arn()).await?.ok_or_else(gone)?,
    };
    converge(job, live, properties, wanted, &tags, None).await
}

/// Brings a settled gateway of ours to the desired state: configuration only if it differs, then tags.
async fn converge(
    job: &Job<'_>,
    live: GetGatewayOutput,
    properties: &Properties,
    wanted: &Configuration,
    tags: &BTreeMap<String, String>,
    old_tags: Option<&BTreeMap<String, String>>,
) -> Result<Success, Error> {
    let in_place = *live.status() == GatewayStatus::Ready && Configuration::live(&live) == *wanted;
    let live = if in_place { live } else { replace_configuration(job, live, wanted).await? };
    let changes = tags::changes(tags, &tags::wanted(&properties.tags, job.requester()), old_tags);
    agentcore::change_tags(job, live.gateway_arn(), changes).await?;
    Ok(Success { physical_id: live.gateway_id().to_owned(), attributes: outputs::attributes(&live) })
}

/// Updates, waits until READY, and looks whether it took.
async fn replace_configuration(
    job: &Job<'_>,
    mut live: GetGatewayOutput,
    wanted: &Configuration,
) -> Result<GetGatewayOutput, Error> {
    let id = live.gateway_id().to_owned();
    let gone = || Error::TerminalStatus {
        what: format!("gateway {id}"),
        status: "not found".to_owned(),
        reasons: "it was deleted while it was being updated; repeat the update to make it again".to_owned(),
    };
    let mut conflict = Conflict::default();
    let updated = until(job.deadline, "waiting for another change of the gateway to end", async || {
        match waiting_for_role(job, async || api::update(job, &live, wanted).await).await {
            Ok(updated) => Ok(Progress::Done(updated)),
            Err(error) if error.is(ApiErrorKind::Conflict) => {
                live = api::get(job, &id).await?.ok_or_else(gone)?;
                conflict.wait(error, is_changing(&live), pending(&live))
            }
            Err(error) => Err(error),
        }
    })
    .await?;
    let settle = async || wait_settled(job, &id).await?.ok_or_else(gone);
    let shows = |live: &GetGatewayOutput| is_as_new(live.updated_at(), &updated);
    let kept = |live: &GetGatewayOutput| wanted.kept_by(&Configuration::live(live));
    let live = agentcore::wait_updated(job, &format!("gateway {id}"), settle, shows, kept).await?;
    if live.settled() == Settled::Ready { Ok(live) } else { Err(failed_status(&live)) }
}

fn cannot_change(property: &str, id: &str) -> Error {
    let problem = format!(
        "is not what it is in gateway {id}, where AgentCore cannot change it; give another `GatewayName`, or none, in \
         the same update, and a new gateway takes its place"
    );
    Error::property(property, problem)
}

/// `<lower-cased name>-<ten lower-case alphanumerics>`: the name (API reference, GetGateway).
fn name_in_id(physical_id: &str) -> Option<&str> {
    let (name, suffix) = physical_id.rsplit_once('-')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = name.starts_with(plain)
        && name.chars().all(|c| plain(c) || c == '-')
        && suffix.len() == 10
        && suffix.chars().all(plain);
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_id_is_no_gateway_id() {
        assert_eq!(name_in_id("mcp-1a2b3c4d-5e6f70-abcdef1234"), Some("mcp-1a2b3c4d-5e6f70"));
        for invented in
            ["stack-Gateway-1ABCDEFGHIJK", "mcp-gateway-1abcdefghijk", "pending:mcp-abcdefghij", "-abcdefghij", ""]
        {
            assert_eq!(name_in_id(invented), None, "{invented}");
        }
    }
}

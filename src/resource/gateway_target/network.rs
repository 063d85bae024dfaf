//! The way of the gateway to the server: `PrivateEndpoint`.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_bedrockagentcorecontrol::types::{
    EndpointIpAddressType, ManagedVpcResource, PrivateEndpoint, SelfManagedLatticeResource,
};
use aws_smithy_types::error::operation::BuildError;
use serde_json::{Map, Value};
use url::Host;

use crate::arn::Arn;
use crate::error::Error;
use crate::properties::{Choice, PropertySet, nested};
use crate::ssrf::callable_url;
use crate::tags;
use crate::text::quote;

const SECURITY_GROUPS_MAX: usize = 5;
const ROUTING_DOMAIN_CHARS_MIN: usize = 3;
const ROUTING_DOMAIN_CHARS_MAX: usize = 255;
/// The maximum length of a label of a host name (RFC 1035, section 2.3.4).
const LABEL_CHARS_MAX: usize = 63;
/// The tag that AgentCore sets itself (developer guide, private endpoints).
pub(super) const RESERVED_TAG: &str = "BedrockAgentCoreGatewayManaged";

/// The way of the gateway to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// The internet.
    Public,
    /// A VPC of this account, by VPC Lattice resources that AgentCore manages.
    Managed(Managed),
    /// A VPC, by a VPC Lattice resource configuration: id or ARN.
    SelfManaged(String),
    /// A way in a form that we never write.
    Other,
}

/// The alternatives, of which a template gives one. All names are those of `AWS::BedrockAgentCore::GatewayTarget`.
#[derive(Debug, PropertySet)]
struct Alternatives {
    /// A VPC of this account. AgentCore manages the VPC Lattice resources.
    #[property(name = "ManagedVpcResource")]
    managed: Map<String, Value>,
    /// A VPC Lattice resource configuration of yours.
    #[property(name = "SelfManagedLatticeResource")]
    lattice: Map<String, Value>,
}

/// A VPC of this account.
#[derive(Clone, Debug, PartialEq, Eq, PropertySet)]
pub(super) struct Managed {
    /// The VPC.
    #[property(name = "VpcIdentifier", check = check_vpc)]
    vpc: String,
    /// Subnets from which the server can be reached.
    #[property(name = "SubnetIds", check = check_subnets)]
    subnets: BTreeSet<String>,
    /// `IPV4` or `IPV6`.
    #[property(name = "EndpointIpAddressType")]
    ip_type: EndpointIpAddressType,
    /// At most five security groups. The VPC's default one if there is none.
    #[property(name = "SecurityGroupIds", check = check_groups)]
    groups: BTreeSet<String>,
    /// Domain of a load balancer or a VPC endpoint in front of the server.
    #[property(name = "RoutingDomain", check = check_domain)]
    routing_domain: Option<String>,
    /// Tags of the resource gateway.
    #[property(name = "Tags", check = check_tags)]
    tags: BTreeMap<String, String>,
}

/// A VPC Lattice resource configuration.
#[derive(Debug, PropertySet)]
struct Lattice {
    /// Id or ARN.
    #[property(name = "ResourceConfigurationIdentifier", check = check_configuration)]
    id: String,
}

impl Choice for EndpointIpAddressType {
    fn choices() -> impl Iterator<Item = (&'static str, Self)> {
        [("IPV4", Self::Ipv4), ("IPV6", Self::Ipv6)].into_iter()
    }
}

impl Network {
    /// Reads the property. An empty one counts as absent.
    pub(super) fn new(property: &str, given: Map<String, Value>) -> Result<Self, Error> {
        if given.is_empty() {
            return Ok(Self::Public);
        }
        let Alternatives { managed, lattice } = nested(property, given)?;
        match (managed.is_empty(), lattice.is_empty()) {
            (false, true) => nested(&format!("{property}.ManagedVpcResource"), managed).map(Self::Managed),
            (true, false) => nested(&format!("{property}.SelfManagedLatticeResource"), lattice)
                .map(|Lattice { id }| Self::SelfManaged(id)),
            _ => {
                let problem = "needs one of `ManagedVpcResource` and `SelfManagedLatticeResource`, and not both";
                Err(Error::property(property, problem))
            }
        }
    }

    /// Returns our form of the service's member, without the service's own tag.
    pub(super) fn from_api(live: Option<&PrivateEndpoint>) -> Self {
        match live {
            None => Self::Public,
            Some(PrivateEndpoint::ManagedVpcResource(managed)) => Self::Managed(Managed {
                vpc: managed.vpc_identifier().to_owned(),
                subnets: managed.subnet_ids().iter().cloned().collect(),
                ip_type: managed.endpoint_ip_address_type().clone(),
                groups: managed.security_group_ids().iter().cloned().collect(),
                routing_domain: managed.routing_domain().map(str::to_owned),
                tags: managed
                    .tags()
                    .into_iter()
                    .flatten()
                    .filter(|(key, _)| *key != RESERVED_TAG)
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            }),
            Some(PrivateEndpoint::SelfManagedLatticeResource(
                SelfManagedLatticeResource::ResourceConfigurationIdentifier(id),
            )) => Self::SelfManaged(id.clone()),
            Some(_) => Self::Other,
        }
    }

    /// Returns true if a target with the way `live` needs no update. A VPC's default security group, whose id nobody gives,
    /// is one that the `former` way did not name. The id of a resource configuration and its ARN mean the same.
    pub(super) fn is_met_by(&self, live: &Self, former: Option<&Self>) -> bool {
        match (self, live) {
            (Self::Managed(wanted), Self::Managed(live)) if wanted.groups.is_empty() && live.groups.len() == 1 => {
                let is_former = matches!(former, Some(Self::Managed(former)) if former.groups == live.groups);
                !is_former && Managed { groups: BTreeSet::new(), ..live.clone() } == *wanted
            }
            (Self::SelfManaged(wanted), Self::SelfManaged(live)) => {
                bare_configuration(wanted) == bare_configuration(live)
            }
            _ => self == live,
        }
    }

    /// Returns the way, unless it is the internet.
    pub(super) fn private(&self) -> Option<&Self> {
        (*self != Self::Public).then_some(self)
    }

    /// Returns the API's form.
    pub(super) fn to_api(&self) -> Result<Option<PrivateEndpoint>, BuildError> {
        Ok(match self {
            Self::Public | Self::Other => None,
            Self::Managed(managed) => {
                let list = |set: &BTreeSet<String>| (!set.is_empty()).then(|| set.iter().cloned().collect::<Vec<_>>());
                let tags = managed.tags.iter().map(|(key, value)| (key.clone(), value.clone()));
                let resource = ManagedVpcResource::builder()
                    .vpc_identifier(&managed.vpc)
                    .set_subnet_ids(list(&managed.subnets))
                    .endpoint_ip_address_type(managed.ip_type.clone())
                    .set_security_group_ids(list(&managed.groups))
                    .set_routing_domain(managed.routing_domain.clone())
                    .set_tags((!managed.tags.is_empty()).then(|| tags.collect()))
                    .build()?;
                Some(PrivateEndpoint::ManagedVpcResource(resource))
            }
            Self::SelfManaged(id) => Some(PrivateEndpoint::SelfManagedLatticeResource(
                SelfManagedLatticeResource::ResourceConfigurationIdentifier(id.clone()),
            )),
        })
    }
}

/// Returns true for `<kind>-` and 8 or 17 lower-case letters and digits.
fn is_id(id: &str, kind: &str) -> bool {
    id.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| {
        [8, 17].contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    })
}

fn check_vpc(property: &str, id: &str) -> Result<(), Error> {
    if is_id(id, "vpc") {
        return Ok(());
    }
    Err(Error::property(property, format!("is {}; give the id of a VPC, `vpc-…`", quote(id))))
}

fn check_ids(property: &str, ids: &BTreeSet<String>, kind: &str) -> Result<(), Error> {
    match ids.iter().find(|id| !is_id(id, kind)) {
        None => Ok(()),
        Some(id) => Err(Error::property(property, format!("contains {}; give ids, `{kind}-…`", quote(id)))),
    }
}

fn check_subnets(property: &str, subnets: &BTreeSet<String>) -> Result<(), Error> {
    if subnets.is_empty() {
        return Err(Error::missing_property(property));
    }
    check_ids(property, subnets, "subnet")
}

fn check_groups(property: &str, groups: &BTreeSet<String>) -> Result<(), Error> {
    if groups.len() > SECURITY_GROUPS_MAX {
        let problem = format!("has {} entries; AgentCore takes at most {SECURITY_GROUPS_MAX}", groups.len());
        return Err(Error::property(property, problem));
    }
    check_ids(property, groups, "sg")
}

fn check_domain(property: &str, domain: &str) -> Result<(), Error> {
    let is_label = |label: &str| {
        (1..=LABEL_CHARS_MAX).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A text that ends in a number is an address.
    let is_domain = domain.split('.').all(is_label) && matches!(Host::parse(domain), Ok(Host::Domain(_)));
    let is_local = callable_url(format!("https://{domain}/")).is_err();
    if is_domain && !is_local && (ROUTING_DOMAIN_CHARS_MIN..=ROUTING_DOMAIN_CHARS_MAX).contains(&domain.len()) {
        return Ok(());
    }
    let problem =
        format!("is {}; give the name of a host that is not local, without scheme, port and path", quote(domain));
    Err(Error::property(property, problem))
}

fn check_tags(property: &str, given: &BTreeMap<String, String>) -> Result<(), Error> {
    if given.contains_key(RESERVED_TAG) {
        return Err(Error::property(format!("{property}.{RESERVED_TAG}"), "is AgentCore's own tag; remove it"));
    }
    tags::check(property, given)
}

/// Returns the id of a resource configuration that is given by id or by ARN.
fn bare_configuration(id: &str) -> Option<&str> {
    match Arn::of_service("vpc-lattice", id) {
        Some(arn) => arn.resource.strip_prefix("resourceconfiguration/"),
        None => Some(id),
    }
}

/// Checks an id `rcfg-…` or its ARN (API reference, SelfManagedLatticeResource).
fn check_configuration(property: &str, id: &str) -> Result<(), Error> {
    let bare = bare_configuration(id);
    if bare.is_some_and(|id| is_id(id, "rcfg") && id.len() == "rcfg-".len() + 17) {
        return Ok(());
    }
    let problem = format!("is {}; give the id or the ARN of a resource configuration, `rcfg-…`", quote(id));
    Err(Error::property(property, problem))
}

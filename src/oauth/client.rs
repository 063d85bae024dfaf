//! An OAuth2 client as a template gives it: its id, where its secret is, and what it asks for.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::job::Job;
use crate::oauth::ClientCredentials;
use crate::properties::PropertyReader;
use crate::sensitive::Sensitive;
use crate::stored_secret;

/// The properties that describe a client, of every type that has one.
pub const PROPERTIES: [&str; 6] =
    ["ClientId", "ClientSecretId", "ClientSecretJsonKey", "ClientSecret", "Scopes", "CustomParameters"];

/// A client that can ask for tokens.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id at the IdP.
    pub client_id: String,
    /// Its secret.
    pub secret: ClientSecret,
    scopes: Vec<String>,
    parameters: BTreeMap<String, String>,
}

/// Where a client's secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientSecret {
    /// In the template, by a NoEcho parameter.
    Given(Sensitive),
    /// In Secrets Manager, under a key of a JSON object.
    Stored {
        /// Name or ARN.
        secret_id: String,
        /// The key.
        key: String,
    },
}

impl Client {
    /// Reads the client that `selector` (`` `Auth` BEARER ``) asks for.
    pub fn read(reader: &PropertyReader<'_>, selector: &str) -> Result<Self, Error> {
        let secret = ClientSecret::read(reader)?.ok_or_else(|| {
            Error::property("ClientSecretId", format!("is missing; {selector} needs it, or `ClientSecret`"))
        })?;
        Ok(Self {
            client_id: reader.required_string("ClientId")?,
            secret,
            scopes: reader.list("Scopes")?,
            parameters: reader.map("CustomParameters")?.unwrap_or_default(),
        })
    }

    /// What to ask for a token with; reads the stored secret.
    pub async fn credentials(&self, job: &Job<'_>) -> Result<ClientCredentials, Error> {
        Ok(ClientCredentials {
            client_id: self.client_id.clone(),
            client_secret: self.secret.value(job).await?,
            scopes: self.scopes.clone(),
            parameters: self.parameters.clone(),
        })
    }
}

impl ClientSecret {
    /// Reads where the secret is, if the template says.
    pub fn read(reader: &PropertyReader<'_>) -> Result<Option<Self>, Error> {
        let given = reader.sensitive("ClientSecret")?;
        match (given, reader.string("ClientSecretId")?) {
            (Some(_), Some(_)) => {
                Err(Error::property("ClientSecretId", "is given together with `ClientSecret`; give one of them"))
            }
            (None, None) => Ok(None),
            (Some(secret), None) => Ok(Some(Self::Given(secret))),
            (None, Some(secret_id)) => {
                Ok(Some(Self::Stored { secret_id, key: reader.required_string("ClientSecretJsonKey")? }))
            }
        }
    }

    /// The secret itself; reads it from Secrets Manager where it is stored there.
    pub async fn value(&self, job: &Job<'_>) -> Result<Sensitive, Error> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::Stored { secret_id, key } => {
                stored_secret::read_key(job, "ClientSecretId", secret_id, "ClientSecretJsonKey", key).await
            }
        }
    }
}

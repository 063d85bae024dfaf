//! A real identity provider in place of the emulated ones.

use std::path::PathBuf;

use emulator::aws::Aws;
use emulator::identity_provider::RealProvider;

/// Arguments for a real identity provider.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// A real OpenID provider, by its issuer, and the address that it listens on, for example
    /// `https://login.example.org=127.0.0.1:8443`. Several if given several times.
    #[arg(long = "identity-provider", value_name = "ISSUER=ADDRESS", requires = "authorities", value_parser = place)]
    providers: Vec<(String, String)>,
    /// The file with the certificate of the authority that vouches for the issuer's host, as PEM.
    #[arg(long = "identity-provider-ca", value_name = "FILE")]
    authorities: Option<PathBuf>,
}

impl Arguments {
    /// Makes the providers known to the account.
    ///
    /// # Errors
    /// A provider cannot be reached.
    pub(crate) async fn install(&self, aws: &Aws) -> Result<(), String> {
        let Some(path) = &self.authorities else { return Ok(()) };
        let authorities = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        for (issuer, address) in &self.providers {
            let provider = RealProvider::connect(issuer, address, &authorities).await?;
            aws.with(|world| world.identity_providers.add_real(provider));
        }
        Ok(())
    }
}

/// Reads `ISSUER=ADDRESS`.
fn place(text: &str) -> Result<(String, String), String> {
    let (issuer, address) = text.rsplit_once('=').unwrap_or_default();
    if issuer.starts_with("https://") && address.contains(':') {
        return Ok((issuer.to_owned(), address.to_owned()));
    }
    Err(format!("`{text}` is not of the form `https://ISSUER=HOST:PORT`"))
}

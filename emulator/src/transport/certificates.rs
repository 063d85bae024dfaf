//! Certificates of the hosts behind the proxy, from an authority that exists as long as the proxy does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// The name in the certificates. The host is an alternative name, which alone counts and may be longer than 64
/// characters, the most that a common name has.
const COMMON_NAME: &str = "Emulated host";

/// A certificate authority, with the TLS configuration of each host that was asked for.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The key of every host.
    key: KeyPair,
    configurations: Mutex<BTreeMap<String, Arc<ServerConfig>>>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Authority {
    /// Creates an authority with a new key.
    pub(super) fn new() -> Result<Self, Failure> {
        let mut parameters = parameters(&[], "Emulator's certificate authority")?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
        Ok(Self { issuer, key: KeyPair::generate()?, configurations: Mutex::default() })
    }

    /// Returns the certificate of the authority, as PEM.
    pub(super) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Returns the TLS configuration of a host, with a certificate that names the host.
    pub(super) fn configuration(&self, host: &str) -> Result<Arc<ServerConfig>, Failure> {
        let mut configurations = self.configurations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = configurations.get(host) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(self.create_configuration(host)?);
        configurations.insert(host.to_owned(), Arc::clone(&new));
        Ok(new)
    }

    fn create_configuration(&self, host: &str) -> Result<ServerConfig, Failure> {
        let mut parameters = parameters(&[host], COMMON_NAME)?;
        parameters.use_authority_key_identifier_extension = true;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = parameters.signed_by(&self.key, &self.issuer)?;
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let configuration = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key.into())?;
        Ok(configuration)
    }
}

fn parameters(hosts: &[&str], common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(hosts.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    Ok(parameters)
}

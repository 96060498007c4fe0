//! TLS to a syslog server: the host's roots or a certificate of the user's, a client certificate where one is given.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// As the options say.
///
/// # Errors
/// A certificate or key that cannot be read, or that do not fit each other.
pub(super) fn connector(options: &BTreeMap<String, String>) -> Result<TlsConnector> {
    let option = |name: &str| options.get(name).filter(|value| !value.is_empty());
    let provider = Arc::new(ring::default_provider());
    let broken = |e: &dyn std::fmt::Display| Error::invalid(format!("syslog over TLS: {e}"));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| broken(&e))?;
    // As dockerd: whatever its value, the option says that nothing is verified.
    let builder = if options.contains_key("syslog-tls-skip-verify") {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    } else {
        builder.with_root_certificates(roots(option("syslog-tls-ca-cert"))?)
    };
    let config = match (option("syslog-tls-cert"), option("syslog-tls-key")) {
        (Some(certificate), Some(key)) => {
            let unreadable = |e| Error::invalid(format!("Could not load X509 key pair: {key}: {e}"));
            let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable)?;
            builder.with_client_auth_cert(certificates(certificate)?, key).map_err(|e| broken(&e))?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => return Err(broken(&"syslog-tls-cert and syslog-tls-key go together")),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots(file: Option<&String>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = match file {
        Some(file) => certificates(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    // Stores of hosts hold certificates that nothing understands; one that is named must be understood.
    let (_, refused) = roots.add_parsable_certificates(found);
    match file {
        Some(file) if refused > 0 || roots.is_empty() => {
            Err(Error::invalid(format!("failed to append certificates from PEM file: \"{file}\"")))
        }
        _ => Ok(roots),
    }
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>> {
    let unreadable = |e| Error::invalid(format!("could not read certificate \"{file}\": {e}"));
    CertificateDer::pem_file_iter(file).map_err(unreadable)?.collect::<std::result::Result<_, _>>().map_err(unreadable)
}

/// Takes any certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, tokio_rustls::rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! TLS as MySQL's modes mean it, on rustls.
//!
//! Pure: certificates and keys come as bytes. Signatures of the handshake are verified in every mode, so that even
//! a certificate nobody checks belongs to whom the connection talks to.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::options::TlsMode;

/// Why certificates or keys of the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file does not hold what it should.
    #[error("{name} holds no {expected} in PEM format, give a file that does")]
    Pem {
        /// The key of the configuration.
        name: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// A certificate cannot be used as an authority.
    #[error("a certificate in source.tls.ca cannot be used as an authority")]
    Authority(#[source] rustls::Error),
    /// There is nothing to check a certificate against.
    #[error("the system has no certificates of authorities, set source.tls.ca to those to trust")]
    NoAuthorities,
    /// Certificate and key are given by halves or do not belong together.
    #[error(
        "source.tls.certificate and source.tls.key do not belong together, give both of one pair"
    )]
    ClientPair(#[source] Option<rustls::Error>),
    /// The library refused the configuration.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// What the configuration brings, as bytes.
#[derive(Debug, Default)]
pub(super) struct Material {
    /// Certificates to trust: `source.tls.ca`, else the system's.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// PEM of `source.tls.certificate`.
    pub(super) certificate: Option<Vec<u8>>,
    /// PEM of `source.tls.key`.
    pub(super) key: Option<Vec<u8>>,
}

/// Reads every certificate of a PEM file.
pub(super) fn certificates(
    name: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let error = TlsConfigError::Pem {
        name,
        expected: "certificate",
    };
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(error),
    }
}

/// Makes the configuration of a TLS connection in a mode other than `disabled`.
pub(super) fn config(mode: TlsMode, material: Material) -> Result<ClientConfig, TlsConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier {
        check: check(mode, material.authorities)?,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let (certificate, key) = match (material.certificate, material.key) {
        (None, None) => return Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) | (None, Some(_)) => return Err(TlsConfigError::ClientPair(None)),
    };
    let chain = certificates("source.tls.certificate", &certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsConfigError::Pem {
        name: "source.tls.key",
        expected: "private key without a passphrase",
    })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| TlsConfigError::ClientPair(Some(error)))
}

fn check(
    mode: TlsMode,
    authorities: Vec<CertificateDer<'static>>,
) -> Result<Check, TlsConfigError> {
    if !mode.verifies() {
        return Ok(Check::Nothing);
    }
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        roots.add(certificate).map_err(TlsConfigError::Authority)?;
    }
    if roots.is_empty() {
        return Err(TlsConfigError::NoAuthorities);
    }
    Ok(if mode == TlsMode::VerifyCa {
        Check::Authority(roots)
    } else {
        Check::AuthorityAndName(roots)
    })
}

/// What is checked of a server's certificate.
#[derive(Debug)]
enum Check {
    Nothing,
    Authority(RootCertStore),
    AuthorityAndName(RootCertStore),
}

struct Verifier {
    check: Check,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verifier").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (roots, checks_name) = match &self.check {
            Check::Nothing => return Ok(ServerCertVerified::assertion()),
            Check::Authority(roots) => (roots, false),
            Check::AuthorityAndName(roots) => (roots, true),
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        if checks_name {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

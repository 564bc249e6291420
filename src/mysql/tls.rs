//! TLS as MySQL's modes mean it, on rustls.
//!
//! Pure: certificates and keys come as bytes. Signatures of the handshake are verified in every mode, so that even
//! a certificate nobody checks belongs to whom the connection talks to.
//!
//! | mode | chain and time | name |
//! |---|---|---|
//! | `preferred`, `required` | not checked | not checked |
//! | `verify_ca` | checked | not checked |
//! | `verify_identity` | checked | subjectAltName; without one, the subject's common name |

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::certificate::Certificate;
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
#[derive(Debug)]
pub(super) struct Material {
    /// Whom to trust.
    pub(super) authorities: Authorities,
    /// PEM of `source.tls.certificate`.
    pub(super) certificate: Option<Vec<u8>>,
    /// PEM of `source.tls.key`.
    pub(super) key: Option<Vec<u8>>,
}

/// Certificates that may sign a server's.
#[derive(Debug)]
pub(super) enum Authorities {
    /// PEM of `source.tls.ca`.
    File(Vec<u8>),
    /// Those of the system, of which some may be unusable.
    System(Vec<CertificateDer<'static>>),
}

/// Reads every certificate of a PEM file.
fn certificates(
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

fn check(mode: TlsMode, authorities: Authorities) -> Result<Check, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    let pinned = match authorities {
        Authorities::File(pem) => {
            let certificates = certificates("source.tls.ca", &pem)?;
            for certificate in &certificates {
                roots
                    .add(certificate.clone())
                    .map_err(TlsConfigError::Authority)?;
            }
            certificates
        }
        Authorities::System(certificates) => {
            roots.add_parsable_certificates(certificates);
            Vec::new()
        }
    };
    if !mode.verifies() {
        return Ok(Check::Nothing);
    }
    if roots.is_empty() {
        return Err(TlsConfigError::NoAuthorities);
    }
    Ok(Check::Chain {
        roots,
        pinned,
        checks_name: mode == TlsMode::VerifyIdentity,
    })
}

/// What is checked of a server's certificate.
#[derive(Debug)]
enum Check {
    Nothing,
    Chain {
        roots: RootCertStore,
        /// Certificates that are trusted as a server's own.
        pinned: Vec<CertificateDer<'static>>,
        checks_name: bool,
    },
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
        let Check::Chain {
            roots,
            pinned,
            checks_name,
        } = &self.check
        else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = Certificate::parse(end_entity)?;
        if pinned.contains(end_entity) {
            certificate.check_time(now.as_secs())?;
        } else {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(end_entity)?,
                roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )
            .map_err(|error| {
                if certificate.is_self_issued() {
                    CertificateError::UnknownIssuer.into()
                } else {
                    error
                }
            })?;
        }
        if *checks_name {
            verify_name(end_entity, &certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let supported = &self.provider.signature_verification_algorithms;
        match self.check {
            Check::Chain { .. } => {
                verify_tls12_signature(message, certificate, signature, supported)
            }
            Check::Nothing => Certificate::parse(certificate)?
                .verify_tls12(message, signature, supported)
                .map(|()| HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let supported = &self.provider.signature_verification_algorithms;
        match self.check {
            Check::Chain { .. } => {
                verify_tls13_signature(message, certificate, signature, supported)
            }
            Check::Nothing => {
                let key = Certificate::parse(certificate)?.public_key_info()?;
                let key = SubjectPublicKeyInfoDer::from(key);
                verify_tls13_signature_with_raw_key(message, &key, signature, supported)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Checks that a certificate was made for a host.
fn verify_name(
    der: &CertificateDer<'_>,
    certificate: &Certificate,
    host: &ServerName<'_>,
) -> Result<(), rustls::Error> {
    let is_in_subject = match host {
        ServerName::DnsName(name) => {
            !certificate.has_subject_alt_name() && certificate.common_name_covers(name.as_ref())
        }
        _ => false,
    };
    if is_in_subject {
        return Ok(());
    }
    verify_server_name(&ParsedCertificate::try_from(der)?, host)
}

/// Says what is wrong with a certificate and what to do about it.
pub(super) fn explain(error: &CertificateError) -> (String, &'static str) {
    match error {
        // An authority of the same name but another key makes the second of these.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "no trusted authority signed it".to_owned(),
            "set source.tls.ca to the certificate of the authority that did",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "it was made for another host".to_owned(),
            "set source.host to a name that it holds or source.tls.mode to 'verify_ca'",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("it has expired".to_owned(), "give the server a new one")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "it is not valid yet".to_owned(),
            "set the clocks of both machines right",
        ),
        CertificateError::Other(other) => (
            other.to_string(),
            "give the server one of X.509 version 3 that TLS clients accept",
        ),
        other => (
            other.to_string(),
            "give the server one of X.509 version 3 that TLS clients accept",
        ),
    }
}

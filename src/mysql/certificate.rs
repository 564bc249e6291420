//! The few fields of a server's certificate that rowtap reads by itself.
//!
//! rustls verifies chains and the signatures of authorities. This file serves what rustls does not do and MySQL's own client
//! does: connections that check no certificate take one of any version, a certificate without a subjectAltName may name
//! its host in the subject, and one that was given as an authority is trusted itself. `rustls-webpki` reads version 3 only
//! and keeps these fields to itself, so `x509-cert` reads them (RFC 5280).

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::{CertificateError, DigitallySignedStruct, Error};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier};
use x509_cert::der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::time::Time;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// A certificate of any version.
#[derive(Debug)]
pub(super) struct Certificate(CertificateInner<Raw>);

impl Certificate {
    /// Reads a certificate.
    pub(super) fn parse(der: &[u8]) -> Result<Self, Error> {
        CertificateInner::from_der(der)
            .map(Self)
            .map_err(|_| bad_encoding())
    }

    /// Checks that it is valid at a time, in seconds since 1970.
    pub(super) fn check_time(&self, now: u64) -> Result<(), Error> {
        let validity = self.0.tbs_certificate().validity();
        if now < seconds(validity.not_before) {
            Err(CertificateError::NotValidYet.into())
        } else if now > seconds(validity.not_after) {
            Err(CertificateError::Expired.into())
        } else {
            Ok(())
        }
    }

    /// Whether it names itself as its authority.
    pub(super) fn is_self_issued(&self) -> bool {
        let fields = self.0.tbs_certificate();
        fields.issuer() == fields.subject()
    }

    /// Whether names stand where they should since 1999, so that the subject's do not count.
    pub(super) fn has_subject_alt_name(&self) -> bool {
        let extensions = self.0.tbs_certificate().extensions();
        extensions.is_some_and(|all| all.iter().any(|one| one.extn_id == SUBJECT_ALT_NAME))
    }

    /// Whether the subject's common name is this host, or covers it by a `*` for its first label.
    pub(super) fn common_name_covers(&self, host: &str) -> bool {
        let attributes = self.0.tbs_certificate().subject().iter();
        attributes
            .filter(|attribute| attribute.oid == COMMON_NAME)
            .filter(|attribute| {
                matches!(
                    attribute.value.tag(),
                    Tag::Utf8String | Tag::PrintableString | Tag::Ia5String
                )
            })
            .filter_map(|attribute| std::str::from_utf8(attribute.value.value()).ok())
            .any(|name| covers(name, host))
    }

    /// The SubjectPublicKeyInfo in DER.
    pub(super) fn public_key_info(&self) -> Result<Vec<u8>, Error> {
        let info = self.0.tbs_certificate().subject_public_key_info();
        info.to_der().map_err(|_| bad_encoding())
    }

    /// Verifies a signature of TLS 1.2 by the certificate's key.
    pub(super) fn verify_tls12(
        &self,
        message: &[u8],
        signature: &DigitallySignedStruct,
        supported: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Error> {
        let info = self.0.tbs_certificate().subject_public_key_info();
        let key = info
            .subject_public_key
            .as_bytes()
            .ok_or_else(bad_encoding)?;
        // As rustls has it, without the outer header.
        let algorithm = info.algorithm.to_der().map_err(|_| bad_encoding())?;
        let algorithm = AnyRef::from_der(&algorithm).map_err(|_| bad_encoding())?;
        let candidates = supported
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signature.scheme)
            .map_or(&[][..], |(_, algorithms)| *algorithms);
        // The scheme leaves the curve open, so that several may be meant; the key says which.
        candidates
            .iter()
            .find(|candidate| candidate.public_key_alg_id().as_ref() == algorithm.value())
            .and_then(|candidate| {
                candidate
                    .verify_signature(key, message, signature.signature())
                    .ok()
            })
            .ok_or(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

fn bad_encoding() -> Error {
    CertificateError::BadEncoding.into()
}

fn covers(name: &str, host: &str) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    let (Some(domain), Some((label, rest))) = (name.strip_prefix("*."), host.split_once('.'))
    else {
        return false;
    };
    // `*.com` would cover half of the world.
    !label.is_empty() && domain.contains('.') && domain.eq_ignore_ascii_case(rest)
}

fn seconds(time: Time) -> u64 {
    time.to_unix_duration().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    const SET: u8 = 0x31;

    fn time(tag: u8, text: &str) -> Option<u64> {
        let mut der = vec![tag, u8::try_from(text.len()).unwrap()];
        der.extend_from_slice(text.as_bytes());
        Time::from_der(&der).ok().map(seconds)
    }

    #[test]
    fn times_are_read_in_both_forms() {
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(
            time(GENERALIZED_TIME, "20500101000000Z"),
            Some(2_524_608_000)
        );
        // No end.
        assert_eq!(
            time(GENERALIZED_TIME, "99991231235959Z"),
            Some(253_402_300_799)
        );
        for wrong in [
            "",
            "Z",
            "700101000000",
            "7001010000Z",
            "701301000000Z",
            "+00101000000Z",
            "é0101000000Z",
            // Before 1970, as rustls refuses it too.
            "500101000000Z",
        ] {
            assert_eq!(time(UTC_TIME, wrong), None, "{wrong}");
        }
        assert_eq!(time(SET, "700101000000Z"), None);
    }

    #[test]
    fn a_star_covers_one_label() {
        for (name, host, expected) in [
            ("db.example.com", "DB.example.com", true),
            ("*.example.com", "db.example.com", true),
            ("*.example.com", "a.db.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.com", "example.com", false),
            ("d*.example.com", "db.example.com", false),
            ("*", "db", false),
            ("", "db", false),
        ] {
            assert_eq!(covers(name, host), expected, "{name} {host}");
        }
    }
}

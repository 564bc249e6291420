//! The few fields of a server's certificate that rowtap reads by itself.
//!
//! Follows RFC 5280. Chains and signatures of authorities are verified by rustls; this serves what rustls does not
//! do and MySQL's own client does: connections that check no certificate take one of any version, a certificate
//! without a subjectAltName may name its host in the subject, and one that was given as an authority is trusted
//! itself.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::{CertificateError, DigitallySignedStruct, Error};

use super::der::{
    BIT_STRING, GENERALIZED_TIME, OBJECT_IDENTIFIER, SEQUENCE, SET, UTC_TIME, all, first, take,
};

/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;

/// A certificate's fields, borrowed from its DER.
#[derive(Clone, Copy, Debug)]
pub(super) struct Certificate<'a> {
    /// First and last second of validity, in seconds since 1970.
    validity: (i64, i64),
    issuer: &'a [u8],
    subject: &'a [u8],
    /// The SubjectPublicKeyInfo, whole.
    pub(super) public_key_info: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate.
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, Error> {
        Self::read(der).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
    }

    fn read(der: &'a [u8]) -> Option<Self> {
        let (certificate, _) = take(der, SEQUENCE)?;
        let (mut fields, _) = take(certificate, SEQUENCE)?;
        if let Some((_, rest)) = take(fields, VERSION) {
            fields = rest;
        }
        let (_serial, fields) = first(fields)?;
        let (_algorithm, fields) = take(fields, SEQUENCE)?;
        let (issuer, fields) = take(fields, SEQUENCE)?;
        let (validity, fields) = take(fields, SEQUENCE)?;
        let (subject, fields) = take(fields, SEQUENCE)?;
        let (public_key, fields) = first(fields)?;
        let extensions = all(fields).find(|element| element.tag == EXTENSIONS);
        let extensions = extensions.and_then(|element| take(element.content, SEQUENCE));
        let mut times = all(validity);
        Some(Self {
            validity: (seconds(times.next()?.whole)?, seconds(times.next()?.whole)?),
            issuer,
            subject,
            public_key_info: public_key.whole,
            extensions: extensions.map_or(&[], |(content, _)| content),
        })
    }

    /// Checks that it is valid at a time, in seconds since 1970.
    pub(super) fn check_time(&self, now: i64) -> Result<(), Error> {
        let (first, last) = self.validity;
        if now < first {
            Err(CertificateError::NotValidYet.into())
        } else if now > last {
            Err(CertificateError::Expired.into())
        } else {
            Ok(())
        }
    }

    /// Whether it names itself as its authority.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether names stand where they should since 1999, so that the subject's do not count.
    pub(super) fn has_subject_alt_name(&self) -> bool {
        all(self.extensions).any(|extension| {
            take(extension.content, OBJECT_IDENTIFIER).is_some_and(|(id, _)| id == SUBJECT_ALT_NAME)
        })
    }

    /// Whether the subject's common name is this host, or covers it by a `*` for its first label.
    pub(super) fn common_name_covers(&self, host: &str) -> bool {
        all(self.subject)
            .filter(|set| set.tag == SET)
            .flat_map(|set| all(set.content))
            .filter_map(|attribute| {
                let (id, value) = take(attribute.content, OBJECT_IDENTIFIER)?;
                let (value, _) = first(value)?;
                let is_text = matches!(value.tag, UTF8_STRING | PRINTABLE_STRING | IA5_STRING);
                (id == COMMON_NAME && is_text).then_some(value.content)
            })
            .filter_map(|name| std::str::from_utf8(name).ok())
            .any(|name| covers(name, host))
    }

    /// Verifies a signature of TLS 1.2 by the certificate's key.
    pub(super) fn verify_tls12(
        &self,
        message: &[u8],
        signature: &DigitallySignedStruct,
        supported: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Error> {
        let (algorithm, key) = self
            .public_key()
            .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let candidates = supported
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signature.scheme)
            .map_or(&[][..], |(_, algorithms)| *algorithms);
        // The scheme leaves the curve open, so that several may be meant; the key says which.
        candidates
            .iter()
            .find(|candidate| candidate.public_key_alg_id().as_ref() == algorithm)
            .and_then(|candidate| {
                candidate
                    .verify_signature(key, message, signature.signature())
                    .ok()
            })
            .ok_or(Error::InvalidCertificate(CertificateError::BadSignature))
    }

    /// Returns the key's algorithm, without its outer header, and the key.
    fn public_key(&self) -> Option<(&'a [u8], &'a [u8])> {
        let (info, _) = take(self.public_key_info, SEQUENCE)?;
        let (algorithm, rest) = take(info, SEQUENCE)?;
        let (bits, _) = take(rest, BIT_STRING)?;
        match bits.split_first() {
            Some((0, key)) => Some((algorithm, key)),
            Some(_) | None => None,
        }
    }
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

/// Reads a time: `YYMMDDHHMMSSZ` of 1950 to 2049, or with a year of four digits.
fn seconds(der: &[u8]) -> Option<i64> {
    let (element, _) = first(der)?;
    let text = std::str::from_utf8(element.content).ok()?;
    let digits = text.strip_suffix('Z')?;
    let two = |text: &str| -> Option<i8> {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok())?
    };
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = i16::from(two(year)?);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (century, rest) = digits.split_at_checked(2)?;
            let (year, rest) = rest.split_at_checked(2)?;
            (i16::from(two(century)?) * 100 + i16::from(two(year)?), rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let part = |index: usize| two(rest.get(2 * index..2 * index + 2)?);
    let time =
        jiff::civil::DateTime::new(year, part(0)?, part(1)?, part(2)?, part(3)?, part(4)?, 0);
    // Not by way of a timestamp: "31 December 9999" means no end, and passes what a timestamp holds.
    let epoch = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);
    Some(time.ok()?.duration_since(epoch).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<i64> {
        let mut der = vec![tag, u8::try_from(text.len()).unwrap()];
        der.extend_from_slice(text.as_bytes());
        seconds(&der)
    }

    #[test]
    fn times_are_read_in_both_forms() {
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(UTC_TIME, "500101000000Z"), Some(-631_152_000));
        assert_eq!(
            time(GENERALIZED_TIME, "20500101000000Z"),
            Some(2_524_608_000)
        );
        for wrong in [
            "",
            "Z",
            "700101000000",
            "7001010000Z",
            "701301000000Z",
            "+00101000000Z",
            "é0101000000Z",
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

//! The RSA public key that protects a password on a connection without TLS.
//!
//! Reads PEM and DER of RFC 8017 (`RSA PUBLIC KEY`) and RFC 5280 (`PUBLIC KEY`), and encrypts with RSA-OAEP and
//! SHA-1, as `caching_sha2_password` asks. The key may come from the network, so every length is checked here
//! before the arithmetic sees it.

use mysql_common::crypto::rsa::{GetRandom, Pkcs1OaepPadding, PublicKey as Rsa};
use mysql_common::num_bigint::BigUint;
use pem::PemError;
use pkcs1::RsaPublicKeyRef;
use secrecy::zeroize::Zeroize as _;
use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoRef;

/// Smaller keys were never made by a server; 2048 is what servers make.
const MODULUS_BYTES_MIN: usize = 128;
const MODULUS_BYTES_MAX: usize = 2048;
const EXPONENT_BYTES_MAX: usize = 8;
/// What OAEP with SHA-1 takes of a block.
const PADDING_BYTES: usize = 42;

/// Why a text is not a usable RSA public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PublicKeyError(&'static str);

const NOT_PEM: PublicKeyError = PublicKeyError("it is not a public key in PEM format");

/// An RSA public key whose sizes were checked.
#[derive(Debug)]
pub(super) struct PublicKey {
    modulus_bytes: usize,
    rsa: Rsa,
}

impl PublicKey {
    /// Reads a key from its PEM text.
    pub(super) fn from_pem(text: &[u8]) -> Result<Self, PublicKeyError> {
        let blocks = pem::parse_many(text).map_err(|error| match error {
            PemError::InvalidData(_) => PublicKeyError("its base64 is damaged"),
            _ => NOT_PEM,
        })?;
        let of_label = |label: &str| blocks.iter().find(|block| block.tag() == label);
        let key = match (of_label("RSA PUBLIC KEY"), of_label("PUBLIC KEY")) {
            (Some(bare), _) => RsaPublicKeyRef::from_der(bare.contents()).ok(),
            (None, Some(wrapped)) => of_info(wrapped.contents()),
            (None, None) => return Err(NOT_PEM),
        };
        let key = key.ok_or(PublicKeyError("it is not an RSA public key"))?;
        Self::checked(key.modulus.as_bytes(), key.public_exponent.as_bytes())
    }

    fn checked(modulus: &[u8], exponent: &[u8]) -> Result<Self, PublicKeyError> {
        let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte & 1 == 1);
        // The arithmetic takes a length that is one bit over a byte for one byte less.
        let is_odd_length = modulus.first() == Some(&1);
        if !(MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&modulus.len())
            || is_odd_length
            || !is_odd(modulus)
        {
            return Err(PublicKeyError(
                "its modulus is not one of 1024 to 16384 bits",
            ));
        }
        if exponent.len() > EXPONENT_BYTES_MAX || !is_odd(exponent) || exponent == [1] {
            return Err(PublicKeyError("its exponent is not a usable one"));
        }
        Ok(Self {
            modulus_bytes: modulus.len(),
            rsa: Rsa::new(
                BigUint::from_bytes_be(modulus),
                BigUint::from_bytes_be(exponent),
            ),
        })
    }

    /// Encrypts a password, mixed with the server's random value so that it cannot be sent again.
    pub(super) fn encrypt(&self, password: &str, nonce: &[u8]) -> Result<Vec<u8>, PublicKeyError> {
        let mut block: Vec<u8> = password
            .bytes()
            .chain([0])
            .zip(nonce.iter().cycle())
            .map(|(byte, nonce)| byte ^ nonce)
            .collect();
        if block.len() != password.len() + 1 || block.len() + PADDING_BYTES > self.modulus_bytes {
            return Err(PublicKeyError("the password is too long for it"));
        }
        let encrypted = self
            .rsa
            .encrypt_block(&block, Pkcs1OaepPadding::new(GetRandom))
            .map_err(|_| PublicKeyError("there are no random numbers to encrypt with"));
        block.zeroize();
        encrypted
    }
}

/// Takes the key out of a SubjectPublicKeyInfo.
fn of_info(der: &[u8]) -> Option<RsaPublicKeyRef<'_>> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    RsaPublicKeyRef::from_der(info.subject_public_key.as_bytes()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of 2048 bits as a MySQL server writes it to `public_key.pem`.
    const SERVER_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAiq7ct87hfi2nSVE7IIwW
fTSZzV4irp0ji3Pih398bHh8dfYEqun8ZnA6xUuSwKCqPB45FzB3JLz3oNiTnMGj
FBwup5H1woKaloc183jSN+rWJlksB+01+Qf3kJq9VspPyVUCveot9RPJkZ2H6/Hd
jaN6cAJyCuZxXdpkZnoRefPmMVPzg/qsXuIr3zhb8pjxFJmOqBm1g3vglmfG7Dt1
a4+isYlEZ+gNO5pkW1ZlzA9wlxpEP8eZpGOPtpXVXdiftDJvy+LZIb0zWX8AQ0jJ
9iPLUrGrNAvf6W0AER0YsxlAlssxjpcQ1/D1jgxaZcrkiKpAVxcELqVwmpjWmuDE
AQIDAQAB
-----END PUBLIC KEY-----
";

    fn der() -> Vec<u8> {
        pem::parse(SERVER_KEY).unwrap().into_contents()
    }

    fn pem_of(label: &str, der: &[u8]) -> Vec<u8> {
        pem::encode(&pem::Pem::new(label, der)).into_bytes()
    }

    #[test]
    fn a_servers_key_is_read_in_both_forms() {
        let key = PublicKey::from_pem(SERVER_KEY.as_bytes()).unwrap();
        assert_eq!(key.modulus_bytes, 256);
        let der = der();
        let info = SubjectPublicKeyInfoRef::from_der(&der).unwrap();
        let bare = PublicKey::from_pem(&pem_of(
            "RSA PUBLIC KEY",
            info.subject_public_key.as_bytes().unwrap(),
        ))
        .unwrap();
        assert_eq!(bare.rsa.modulus(), key.rsa.modulus());
        assert_eq!(key.encrypt("secret", &[7; 20]).unwrap().len(), 256);
    }

    #[test]
    fn every_prefix_of_a_key_is_an_error() {
        let der = der();
        for end in 0..der.len() {
            assert!(
                PublicKey::from_pem(&pem_of("PUBLIC KEY", &der[..end])).is_err(),
                "{end}"
            );
        }
        let whole = SERVER_KEY.trim_end().len();
        for end in 0..whole {
            assert!(
                PublicKey::from_pem(&SERVER_KEY.as_bytes()[..end]).is_err(),
                "{end}"
            );
        }
    }

    #[test]
    fn a_key_with_any_byte_changed_never_panics() {
        let der = der();
        for index in 0..der.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut hostile = der.clone();
                hostile[index] ^= change;
                if let Ok(key) = PublicKey::from_pem(&pem_of("PUBLIC KEY", &hostile)) {
                    assert!((MODULUS_BYTES_MIN..=MODULUS_BYTES_MAX).contains(&key.modulus_bytes));
                    // The arithmetic takes its time, so that it is asked only where the lengths changed.
                    if key.modulus_bytes != 256 {
                        let encrypted = key.encrypt("x", &[7; 20]).unwrap();
                        assert_eq!(encrypted.len(), key.modulus_bytes);
                    }
                }
            }
        }
    }

    #[test]
    fn small_and_strange_numbers_are_refused() {
        let modulus = |bytes: usize, first: u8, last: u8| {
            let mut modulus = vec![0xff; bytes];
            modulus[0] = first;
            modulus[bytes - 1] = last;
            modulus
        };
        let good = modulus(128, 0xff, 0xff);
        assert!(PublicKey::checked(&good, &[3]).is_ok());
        for (modulus, exponent) in [
            (modulus(127, 0xff, 0xff), &[3][..]),
            (modulus(2049, 0xff, 0xff), &[3]),
            (modulus(128, 0x01, 0xff), &[3]),
            (modulus(128, 0xff, 0xfe), &[3]),
            (good.clone(), &[1]),
            (good.clone(), &[2]),
            (good.clone(), &[]),
            (good.clone(), &[9; 9]),
        ] {
            assert!(PublicKey::checked(&modulus, exponent).is_err());
        }
    }

    #[test]
    fn a_password_that_does_not_fit_is_an_error() {
        let key = PublicKey::from_pem(SERVER_KEY.as_bytes()).unwrap();
        let longest = "x".repeat(256 - PADDING_BYTES - 1);
        assert!(key.encrypt(&longest, &[7; 20]).is_ok());
        assert!(key.encrypt(&format!("{longest}x"), &[7; 20]).is_err());
        assert!(key.encrypt("x", &[]).is_err());
    }
}

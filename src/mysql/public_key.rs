//! The RSA public key that protects a password on a connection without TLS.
//!
//! Reads PEM and DER of RFC 8017 (`RSA PUBLIC KEY`) and RFC 5280 (`PUBLIC KEY`), and encrypts with RSA-OAEP and
//! SHA-1, as `caching_sha2_password` asks. The key may come from the network, so every length is checked here
//! before the arithmetic sees it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mysql_common::crypto::rsa::{GetRandom, Pkcs1OaepPadding, PublicKey as Rsa};
use mysql_common::num_bigint::BigUint;
use secrecy::zeroize::Zeroize as _;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
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

/// An RSA public key whose sizes were checked.
#[derive(Debug)]
pub(super) struct PublicKey {
    modulus_bytes: usize,
    rsa: Rsa,
}

impl PublicKey {
    /// Reads a key from its PEM text.
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, PublicKeyError> {
        let text = std::str::from_utf8(pem).map_err(|_| PublicKeyError("it is not text"))?;
        let (der, is_bare) = if let Some(body) = body(text, "RSA PUBLIC KEY") {
            (body, true)
        } else if let Some(body) = body(text, "PUBLIC KEY") {
            (body, false)
        } else {
            return Err(PublicKeyError("it is not a public key in PEM format"));
        };
        let der: String = der.split_ascii_whitespace().collect();
        let der = STANDARD
            .decode(der)
            .map_err(|_| PublicKeyError("its base64 is damaged"))?;
        let key = if is_bare { Some(&*der) } else { unwrap(&der) };
        let (modulus, exponent) = key
            .and_then(parse)
            .ok_or(PublicKeyError("it is not an RSA public key"))?;
        Self::checked(modulus, exponent)
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

fn body<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    Some(body)
}

/// Takes the key out of a SubjectPublicKeyInfo.
fn unwrap(der: &[u8]) -> Option<&[u8]> {
    let (info, _) = element(der, SEQUENCE)?;
    let (_algorithm, rest) = element(info, SEQUENCE)?;
    let (bits, _) = element(rest, BIT_STRING)?;
    match bits.split_first() {
        Some((0, key)) => Some(key),
        Some(_) | None => None,
    }
}

/// Reads modulus and exponent, without leading zero bytes.
fn parse(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (key, _) = element(der, SEQUENCE)?;
    let (modulus, rest) = element(key, INTEGER)?;
    let (exponent, _) = element(rest, INTEGER)?;
    Some((without_zeros(modulus), without_zeros(exponent)))
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Takes one DER element of a kind: its content and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let ([found, length], rest) = der.split_first_chunk::<2>()?;
    if *found != tag {
        return None;
    }
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            if digits.is_empty() || digits.len() > 4 {
                return None;
            }
            let length = digits
                .iter()
                .fold(0, |length, digit| length << 8 | usize::from(*digit));
            (length, rest)
        }
    };
    rest.split_at_checked(length)
}

//! The first packets of a connection: the server's greeting and the client's answer.
//!
//! Follows "Protocol::HandshakeV10" and "Protocol::HandshakeResponse41" of the client/server protocol manual.

use std::collections::HashMap;

use mysql_common::constants::CapabilityFlags;
use mysql_common::packets::{AuthPlugin, HandshakeResponse, SslRequest};
use mysql_common::proto::MySerialize;

use super::fields::{Fields, Malformed};
use super::flavour::Flavour;
use super::options::Compression;

/// The largest packet rowtap says it takes.
const PACKET_BYTES_MAX: u32 = 1 << 30;
/// `utf8mb4_general_ci`, which both servers know.
const COLLATION: u8 = 45;
/// The level a server compresses with; its own default.
const ZSTD_LEVEL: u8 = 3;
/// What MariaDB puts before its version, so that old replicas take it for MySQL 5.5.
const MARIADB_PREFIX: &str = "5.5.5-";
/// Bytes of the random value that passwords are mixed with.
pub(super) const NONCE_BYTES: usize = 20;

/// What every server has to know: rowtap does not speak to servers before 4.1.
const NEEDED: CapabilityFlags =
    CapabilityFlags::CLIENT_PROTOCOL_41.union(CapabilityFlags::CLIENT_SECURE_CONNECTION);
/// What rowtap uses where the server knows it.
///
/// Never in this list: `CLIENT_LOCAL_FILES` (a server could ask for any file), `CLIENT_MULTI_STATEMENTS` (a value
/// could smuggle in a statement) and `CLIENT_DEPRECATE_EOF` (the end of a result set stays easy to tell from a row).
const USED: CapabilityFlags = CapabilityFlags::CLIENT_LONG_PASSWORD
    .union(CapabilityFlags::CLIENT_LONG_FLAG)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
    .union(CapabilityFlags::CLIENT_CONNECT_ATTRS);

/// The server's greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    /// The server's version, without what MariaDB puts before it.
    pub(super) version: String,
    /// Which family the server belongs to.
    pub(super) flavour: Flavour,
    /// The connection's number at the server.
    pub(super) connection_id: u32,
    /// What the server knows.
    pub(super) capabilities: CapabilityFlags,
    /// The random value that passwords are mixed with.
    pub(super) nonce: [u8; NONCE_BYTES],
    /// The plugin that the server tries first; empty before plugins.
    pub(super) plugin: String,
}

impl Greeting {
    /// Reads a greeting.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new("the server's greeting", payload);
        if fields.u8()? != 10 {
            return Err(fields.malformed("it is not of protocol version 10"));
        }
        let version = String::from_utf8_lossy(fields.null_terminated()?).into_owned();
        let connection_id = fields.u32()?;
        let mut nonce = fields.bytes(8)?.to_vec();
        fields.bytes(1)?;
        let lower = fields.u16()?;
        // Servers of 3.22 end here.
        let _collation = fields.u8()?;
        let _status = fields.u16()?;
        let upper = fields.u16()?;
        let capabilities =
            CapabilityFlags::from_bits_truncate(u32::from(lower) | u32::from(upper) << 16);
        if !capabilities.contains(NEEDED) {
            return Err(
                fields.malformed("the server knows no authentication of MySQL 4.1 or later")
            );
        }
        let nonce_length = usize::from(fields.u8()?);
        fields.bytes(10)?;
        nonce.extend_from_slice(fields.bytes(nonce_length.saturating_sub(8).max(13))?);
        let nonce = nonce
            .first_chunk()
            .copied()
            .ok_or_else(|| fields.malformed("its random value is too short"))?;
        let plugin = if capabilities.contains(CapabilityFlags::CLIENT_PLUGIN_AUTH) {
            let name = fields.rest();
            // Some servers leave the end out.
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(name).into_owned()
        } else {
            String::new()
        };
        let is_mariadb = version.starts_with(MARIADB_PREFIX)
            || version.to_ascii_lowercase().contains("mariadb")
            || !capabilities.contains(CapabilityFlags::CLIENT_LONG_PASSWORD);
        Ok(Self {
            version: version
                .strip_prefix(MARIADB_PREFIX)
                .map(str::to_owned)
                .unwrap_or(version),
            flavour: if is_mariadb {
                Flavour::MariaDb
            } else {
                Flavour::MySql
            },
            connection_id,
            capabilities,
            nonce,
            plugin,
        })
    }

    /// Whether the server takes TLS connections.
    pub(super) fn offers_tls(&self) -> bool {
        self.capabilities.contains(CapabilityFlags::CLIENT_SSL)
    }

    /// Whether the server can compress this way.
    pub(super) fn offers(&self, compression: Compression) -> bool {
        self.capabilities.contains(capability(compression))
    }

    /// Returns what the client says that it knows.
    pub(super) fn answer(&self, tls: bool, compression: Compression) -> CapabilityFlags {
        let tls = if tls {
            CapabilityFlags::CLIENT_SSL
        } else {
            CapabilityFlags::empty()
        };
        NEEDED | (USED & self.capabilities) | tls | capability(compression)
    }
}

fn capability(compression: Compression) -> CapabilityFlags {
    match compression {
        Compression::None => CapabilityFlags::empty(),
        Compression::Zlib => CapabilityFlags::CLIENT_COMPRESS,
        Compression::Zstd => CapabilityFlags::CLIENT_ZSTD_COMPRESSION_ALGORITHM,
    }
}

/// Makes the request to begin TLS, whose answer is a TLS handshake.
pub(super) fn tls_request(capabilities: CapabilityFlags) -> Vec<u8> {
    let mut out = Vec::new();
    SslRequest::new(capabilities, PACKET_BYTES_MAX, COLLATION).serialize(&mut out);
    out
}

/// Makes the answer to a greeting.
pub(super) fn response(
    capabilities: CapabilityFlags,
    user: &str,
    plugin: &str,
    authentication: &[u8],
) -> Vec<u8> {
    let attributes = capabilities
        .contains(CapabilityFlags::CLIENT_CONNECT_ATTRS)
        .then(|| {
            HashMap::from([
                ("program_name".to_owned(), "rowtap".to_owned()),
                ("_client_name".to_owned(), "rowtap".to_owned()),
                (
                    "_client_version".to_owned(),
                    env!("CARGO_PKG_VERSION").to_owned(),
                ),
            ])
        });
    let plugin = capabilities
        .contains(CapabilityFlags::CLIENT_PLUGIN_AUTH)
        .then(|| AuthPlugin::from_bytes(plugin.as_bytes()));
    let mut out = Vec::new();
    // The version only tells which collation old servers know.
    HandshakeResponse::new(
        Some(authentication),
        (8, 0, 0),
        Some(user.as_bytes()),
        None::<&[u8]>,
        plugin,
        capabilities,
        attributes,
        PACKET_BYTES_MAX,
    )
    .serialize(&mut out);
    if capabilities.contains(CapabilityFlags::CLIENT_ZSTD_COMPRESSION_ALGORITHM) {
        out.push(ZSTD_LEVEL);
    }
    out
}

#[cfg(test)]
mod tests {
    use mysql_common::io::ParseBuf;
    use proptest::prelude::*;

    use super::*;

    /// A greeting with these capabilities, laid out as the manual says.
    fn greeting(version: &str, capabilities: u32, plugin: &str) -> Vec<u8> {
        let [a, b, c, d] = capabilities.to_le_bytes();
        let mut out = vec![10];
        out.extend_from_slice(version.as_bytes());
        out.push(0);
        out.extend_from_slice(&77_u32.to_le_bytes());
        out.extend_from_slice(b"12345678\0");
        out.extend_from_slice(&[a, b, 255, 2, 0, c, d, 21]);
        out.extend_from_slice(&[0; 10]);
        out.extend_from_slice(b"abcdefghijkl\0");
        out.extend_from_slice(plugin.as_bytes());
        out.push(0);
        out
    }

    fn all_but(missing: CapabilityFlags) -> u32 {
        (CapabilityFlags::all() - missing).bits()
    }

    #[test]
    fn a_greeting_of_mysql() {
        let bytes = greeting(
            "9.7.4",
            all_but(CapabilityFlags::empty()),
            "caching_sha2_password",
        );
        let greeting = Greeting::parse(&bytes).unwrap();
        assert_eq!(greeting.version, "9.7.4");
        assert_eq!(greeting.flavour, Flavour::MySql);
        assert_eq!(greeting.connection_id, 77);
        assert_eq!(&greeting.nonce, b"12345678abcdefghijkl");
        assert_eq!(greeting.plugin, "caching_sha2_password");
        assert!(greeting.offers_tls() && greeting.offers(Compression::Zstd));
    }

    #[test]
    fn mariadb_is_known_by_its_prefix_its_name_or_its_capabilities() {
        let long_password = CapabilityFlags::CLIENT_LONG_PASSWORD;
        for (version, capabilities, expected) in [
            (
                "5.5.5-10.11.14-MariaDB-log",
                all_but(long_password),
                "10.11.14-MariaDB-log",
            ),
            (
                "11.8.2-MariaDB",
                all_but(CapabilityFlags::empty()),
                "11.8.2-MariaDB",
            ),
            ("10.6.1-custom", all_but(long_password), "10.6.1-custom"),
        ] {
            let bytes = greeting(version, capabilities, "mysql_native_password");
            let greeting = Greeting::parse(&bytes).unwrap();
            assert_eq!(greeting.flavour, Flavour::MariaDb, "{version}");
            assert_eq!(greeting.version, expected);
        }
    }

    #[test]
    fn every_prefix_of_a_greeting_is_an_error() {
        let bytes = greeting("9.7.4", all_but(CapabilityFlags::CLIENT_PLUGIN_AUTH), "");
        let end = bytes.len() - 1;
        assert!(Greeting::parse(&bytes[..end]).is_ok());
        for end in 0..end {
            assert!(Greeting::parse(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_server_before_4_1_is_an_error() {
        for missing in [
            CapabilityFlags::CLIENT_PROTOCOL_41,
            CapabilityFlags::CLIENT_SECURE_CONNECTION,
        ] {
            assert!(Greeting::parse(&greeting("4.0.30", all_but(missing), "")).is_err());
        }
    }

    #[test]
    fn neither_local_files_nor_several_statements_are_ever_offered() {
        let bytes = greeting(
            "9.7.4",
            all_but(CapabilityFlags::empty()),
            "caching_sha2_password",
        );
        let greeting = Greeting::parse(&bytes).unwrap();
        for compression in [Compression::None, Compression::Zlib, Compression::Zstd] {
            for tls in [false, true] {
                let capabilities = greeting.answer(tls, compression);
                let sent = response(capabilities, "user", &greeting.plugin, &[1; 32]);
                let sent = u32::from_le_bytes(*sent.first_chunk().unwrap());
                let never = CapabilityFlags::CLIENT_LOCAL_FILES
                    | CapabilityFlags::CLIENT_MULTI_STATEMENTS
                    | CapabilityFlags::CLIENT_MULTI_RESULTS
                    | CapabilityFlags::CLIENT_DEPRECATE_EOF;
                assert_eq!(sent & never.bits(), 0);
                let request = tls_request(capabilities);
                assert_eq!(request.len(), 32);
                assert_eq!(
                    u32::from_le_bytes(*request.first_chunk().unwrap()) & never.bits(),
                    0
                );
            }
        }
    }

    #[test]
    fn an_answer_holds_user_plugin_scramble_and_level() {
        let bytes = greeting(
            "9.7.4",
            all_but(CapabilityFlags::empty()),
            "caching_sha2_password",
        );
        let greeting = Greeting::parse(&bytes).unwrap();
        let mut sent = response(
            greeting.answer(false, Compression::Zstd),
            "user",
            "caching_sha2_password",
            &[9; 32],
        );
        assert_eq!(sent.pop(), Some(ZSTD_LEVEL));
        let read: HandshakeResponse<'_> = ParseBuf(&sent).parse(()).unwrap();
        assert_eq!(read.user(), b"user");
        assert_eq!(read.scramble_buf(), [9; 32]);
        assert_eq!(read.auth_plugin(), Some(&AuthPlugin::CachingSha2Password));
        assert_eq!(read.connect_attributes().unwrap()["program_name"], "rowtap");
    }

    proptest! {
        #[test]
        fn hostile_greetings_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _either = Greeting::parse(&bytes);
            bytes.insert(0, 10);
            let _either = Greeting::parse(&bytes);
        }
    }
}

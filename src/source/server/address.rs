//! Where a server listens, as the `hosts` of a connector file have it.

use std::fmt;
use std::net::Ipv6Addr;

use serde::Deserialize;

/// The port of a server that names none.
pub(super) const PORT: u16 = 3306;

/// A host and a port, from `name:3306`, `name`, `[::1]:3306` or `::1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct HostAddress {
    /// Host name or address, an IPv6 address without its brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl TryFrom<String> for HostAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no host, write it as \"db1:3306\" or \"[::1]:3306\"");
        let (host, port) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (host, rest) = bracketed.split_once(']').ok_or_else(wrong)?;
                host.parse::<Ipv6Addr>().map_err(|_| wrong())?;
                let port = match rest.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if rest.is_empty() => None,
                    None => return Err(wrong()),
                };
                (host, port)
            }
            None if text.parse::<Ipv6Addr>().is_ok() => (text.as_str(), None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text.as_str(), None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0),
            None => Some(PORT),
        };
        let is_name = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
        match port.filter(|_| is_name) {
            Some(port) => Ok(Self {
                host: host.to_owned(),
                port,
            }),
            None => Err(wrong()),
        }
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_every_form_and_printed_in_one() {
        for (text, expected) in [
            ("db1:3307", Some("db1:3307")),
            ("db1", Some("db1:3306")),
            ("10.0.0.7", Some("10.0.0.7:3306")),
            ("[::1]:3307", Some("[::1]:3307")),
            ("[fe80::1]", Some("[fe80::1]:3306")),
            ("::1", Some("[::1]:3306")),
            ("db.example.org:65535", Some("db.example.org:65535")),
            ("", None),
            (":3306", None),
            ("db1:", None),
            ("db1:0", None),
            ("db1:65536", None),
            ("db1:-1", None),
            ("db1:33:06", None),
            ("[::1", None),
            ("[::1]3306", None),
            ("[db1]:3306", None),
            ("[]:3306", None),
            ("db 1", None),
            ("mysql://db1:3306", None),
        ] {
            let read = HostAddress::try_from(text.to_owned());
            match expected {
                Some(expected) => {
                    let read = read.unwrap_or_else(|error| panic!("{error}"));
                    assert_eq!(read.to_string(), expected, "{text}");
                    assert_eq!(HostAddress::try_from(read.to_string()), Ok(read), "{text}");
                }
                None => assert!(read.unwrap_err().contains("is no host"), "{text}"),
            }
        }
    }
}

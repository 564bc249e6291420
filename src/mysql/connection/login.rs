//! From a name to a connection that is logged in.

use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::peer::{Peer, Server};
use super::transport::{Socket, Transport, TransportError, Wire};
use crate::mysql::auth::{self, AuthenticationError, Circumstances, Login, LoginStep};
use crate::mysql::error::ConnectionError;
use crate::mysql::handshake::{self, Greeting};
use crate::mysql::options::{ConnectOptions, TlsMode, TlsOptions};
use crate::mysql::packet::PACKET_BYTES_MAX;
use crate::mysql::public_key::PublicKey;
use crate::mysql::response::{ERR, ServerError};
use crate::mysql::tls::{self, Authorities, Material};

/// No packet before the login's end is larger.
const LOGIN_PACKET_BYTES_MAX: usize = 64 << 10;
/// Packets of a server from its greeting to its verdict; three are the most a plugin needs.
const LOGIN_PACKETS_MAX: usize = 8;
/// No certificate bundle or key is larger.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Connects, encrypts and logs in.
pub(super) async fn connect(
    options: &ConnectOptions,
    password: &SecretString,
) -> Result<(Server, Transport, Peer), ConnectionError> {
    let peer = Peer {
        address: options.address(),
        password: password.clone(),
    };
    // Files come first: what is wrong with them does not depend on the server.
    let config = tls_config(options).await?;
    let pinned_key = pinned_key(options).await?;
    let socket = match &options.socket {
        Some(path) => Wire::Right(reach_socket(path).await?),
        None => Wire::Left(reach(options).await?),
    };
    let mut transport = Transport::new(Socket::Plain(socket), LOGIN_PACKET_BYTES_MAX);
    let greeting = greet(&mut transport, &peer).await?;
    if !greeting.offers(options.compression) {
        return Err(ConnectionError::CompressionNotOffered {
            address: peer.address,
            compression: options.compression,
        });
    }
    let tls = match config {
        Some(config) if greeting.offers_tls() => {
            let version;
            (transport, version) = encrypt(transport, &greeting, config, options, &peer).await?;
            Some(version)
        }
        Some(_) if options.tls.mode != TlsMode::Preferred => {
            return Err(ConnectionError::TlsNotOffered {
                address: peer.address,
                mode: options.tls.mode,
            });
        }
        Some(_) | None => None,
    };
    let login = Login::new(
        Circumstances {
            password: password.expose_secret(),
            is_encrypted: tls.is_some(),
            is_local: options.socket.is_some(),
            may_send_clear: options.enable_cleartext_plugin && options.tls.mode.verifies(),
            pinned_key,
            may_ask_for_key: options.get_source_public_key,
        },
        &greeting.plugin,
        greeting.nonce,
    );
    log_in(&mut transport, &greeting, login, options, &peer).await?;
    transport.compress(options.compression);
    transport.framer.payload_bytes_max = PACKET_BYTES_MAX;
    let server = Server {
        version: greeting.version,
        flavour: greeting.flavour,
        connection_id: greeting.connection_id,
        tls,
    };
    Ok((server, transport, peer))
}

async fn reach(options: &ConnectOptions) -> Result<TcpStream, ConnectionError> {
    let address = options.address();
    let found = tokio::net::lookup_host((options.host.as_str(), options.port)).await;
    let candidates = match found {
        Ok(candidates) => candidates,
        Err(source) => {
            let source = Some(source);
            return Err(ConnectionError::Resolve { address, source });
        }
    };
    let mut failure = None;
    for candidate in candidates {
        let socket = if candidate.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        };
        let connected = async {
            let socket = socket?;
            socket.set_keepalive(true)?;
            socket.set_nodelay(true)?;
            socket.connect(candidate).await
        };
        match connected.await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error),
        }
    }
    Err(match failure {
        Some(source) => ConnectionError::Unreachable { address, source },
        None => ConnectionError::Resolve {
            address,
            source: None,
        },
    })
}

async fn reach_socket(path: &Path) -> Result<UnixStream, ConnectionError> {
    let connected = UnixStream::connect(path).await;
    connected.map_err(|source| ConnectionError::SocketUnreachable {
        path: path.to_owned(),
        source,
    })
}

async fn greet(transport: &mut Transport, peer: &Peer) -> Result<Greeting, ConnectionError> {
    let greeting = match transport.receive().await {
        Ok(greeting) => greeting,
        Err(TransportError::Packet(error)) => return Err(stranger(peer, error)),
        Err(error) => return Err(peer.lost("greeting", error)),
    };
    if greeting.first() == Some(&ERR) {
        let error = ServerError::parse(&greeting).map_err(|e| peer.malformed(e))?;
        return Err(ConnectionError::TurnedAway {
            address: peer.address.clone(),
            fix: auth::fix(error.code, false),
            error: error.without(peer.password.expose_secret()),
        });
    }
    let greeting = Greeting::parse(&greeting).map_err(|error| stranger(peer, error))?;
    // Bytes after the greeting are nobody's answer, and must not be taken for one under TLS.
    if !transport.is_idle() {
        return Err(peer.out_of_turn("a packet", "waiting for the login"));
    }
    Ok(greeting)
}

fn stranger(
    peer: &Peer,
    source: impl std::error::Error + Send + Sync + 'static,
) -> ConnectionError {
    ConnectionError::Stranger {
        address: peer.address.clone(),
        source: Box::new(source),
    }
}

async fn encrypt(
    mut transport: Transport,
    greeting: &Greeting,
    config: ClientConfig,
    options: &ConnectOptions,
    peer: &Peer,
) -> Result<(Transport, String), ConnectionError> {
    const DURING: &str = "setting up TLS";
    let name = server_name(options)?;
    let capabilities = greeting.answer(true, options.compression);
    transport
        .send(&handshake::tls_request(capabilities))
        .await
        .map_err(|error| peer.lost(DURING, error))?;
    let sequence = transport.framer.sequence();
    let Socket::Plain(socket) = transport.socket else {
        return Err(peer.out_of_turn("TLS within TLS", DURING));
    };
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await
        .map_err(|error| tls_failure(error, options, peer))?;
    let version = stream.get_ref().1.protocol_version();
    let version = version
        .and_then(|version| version.as_str())
        .unwrap_or("TLS");
    let version = version.replace("v1_", "v1.");
    let mut transport = Transport::new(Socket::Tls(Box::new(stream)), LOGIN_PACKET_BYTES_MAX);
    transport.framer.expect_sequence(sequence);
    Ok((transport, version))
}

fn server_name(options: &ConnectOptions) -> Result<ServerName<'static>, ConnectionError> {
    if options.socket.is_some() {
        return Ok(ServerName::try_from("localhost").expect("it is a name"));
    }
    if let Ok(address) = options.host.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(address.into()));
    }
    match ServerName::try_from(options.host.clone()) {
        Ok(name) => Ok(name),
        // Nothing is compared with the name, so that any will do; an address is not sent along.
        Err(_) if options.tls.mode != TlsMode::VerifyIdentity => {
            Ok(ServerName::IpAddress(IpAddr::from([0, 0, 0, 0]).into()))
        }
        Err(_) => Err(ConnectionError::Certificate {
            address: options.address(),
            mode: options.tls.mode,
            reason: "the host is not a name that a certificate can hold".to_owned(),
            fix: "set source.host to such a name or source.tls.mode to 'verify_ca'",
        }),
    }
}

fn tls_failure(error: io::Error, options: &ConnectOptions, peer: &Peer) -> ConnectionError {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(reason)) = inner {
        let (reason, fix) = tls::explain(reason);
        return ConnectionError::Certificate {
            address: peer.address.clone(),
            mode: options.tls.mode,
            reason,
            fix,
        };
    }
    peer.lost("setting up TLS", TransportError::Io(error))
}

async fn log_in(
    transport: &mut Transport,
    greeting: &Greeting,
    mut login: Login<'_>,
    options: &ConnectOptions,
    peer: &Peer,
) -> Result<(), ConnectionError> {
    const DURING: &str = "logging in";
    let lost = |error| peer.lost(DURING, error);
    let is_encrypted = matches!(transport.socket, Socket::Tls(_));
    let capabilities = greeting.answer(is_encrypted, options.compression);
    let response = handshake::response(
        capabilities,
        &options.user,
        login.plugin(),
        &login.first_response(),
    );
    transport.send(&response).await.map_err(lost)?;
    for _ in 0..LOGIN_PACKETS_MAX {
        let packet = transport.receive().await.map_err(lost)?;
        let step = login.read(&packet);
        match step.map_err(|source| failed(&login, options, peer, source))? {
            LoginStep::Send(payload) => transport.send(&payload).await.map_err(lost)?,
            LoginStep::Wait => {}
            LoginStep::Done => return Ok(()),
        }
    }
    Err(peer.out_of_turn("one packet after the other", DURING))
}

fn failed(
    login: &Login<'_>,
    options: &ConnectOptions,
    peer: &Peer,
    source: AuthenticationError,
) -> ConnectionError {
    ConnectionError::Login {
        address: peer.address.clone(),
        user: options.user.clone(),
        plugin: login.plugin(),
        source: Box::new(source),
    }
}

async fn pinned_key(options: &ConnectOptions) -> Result<Option<PublicKey>, ConnectionError> {
    let Some(path) = &options.source_public_key_path else {
        return Ok(None);
    };
    let pem = {
        let path = path.clone();
        blocking(move || read("source.source_public_key_path", &path)).await?
    };
    match PublicKey::from_pem(&pem) {
        Ok(key) => Ok(Some(key)),
        Err(source) => Err(ConnectionError::PublicKeyFile {
            path: path.clone(),
            source,
        }),
    }
}

async fn tls_config(options: &ConnectOptions) -> Result<Option<ClientConfig>, ConnectionError> {
    // As the mysql client does: what stays on the machine is encrypted only where that is asked for.
    let is_local = options.socket.is_some();
    if options.tls.mode == TlsMode::Disabled || (is_local && options.tls.mode == TlsMode::Preferred)
    {
        return Ok(None);
    }
    let tls = options.tls.clone();
    let address = options.address();
    blocking(move || {
        tls::config(tls.mode, material(&tls)?)
            .map(Some)
            .map_err(|source| ConnectionError::TlsConfig { address, source })
    })
    .await
}

fn material(options: &TlsOptions) -> Result<Material, ConnectionError> {
    let optional = |key, path: &Option<PathBuf>| match path {
        Some(path) => read(key, path).map(Some),
        None => Ok(None),
    };
    Ok(Material {
        authorities: match &options.ca {
            Some(path) => Authorities::File(read("source.tls.ca", path)?),
            None if options.mode.verifies() => {
                Authorities::System(rustls_native_certs::load_native_certs().certs)
            }
            None => Authorities::System(Vec::new()),
        },
        certificate: optional("source.tls.certificate", &options.certificate)?,
        key: optional("source.tls.key", &options.key)?,
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, ConnectionError> {
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| ConnectionError::File {
        key,
        path: path.to_owned(),
        source,
    })
}

/// Runs what reads files outside the async runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectionError> + Send + 'static,
) -> Result<T, ConnectionError> {
    tokio::task::spawn_blocking(work)
        .await
        .expect("reading files and certificates does not panic, and the runtime outlives it")
}

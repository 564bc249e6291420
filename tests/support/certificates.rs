//! A certificate authority of the test's own, with a certificate for a server and one for a client.
//!
//! Made by the `openssl` program, so that what rowtap verifies was not written by what it verifies with.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Key and certificate files in a temporary folder, which goes when this value does.
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// The server's certificate names `localhost` and `127.0.0.1`.
    #[track_caller]
    pub fn new() -> Self {
        Self::for_hosts("DNS:localhost,IP:127.0.0.1")
    }

    /// The server's certificate has `subject_alt_name`, as OpenSSL spells it: `DNS:db.example` is another host's.
    #[track_caller]
    pub fn for_hosts(subject_alt_name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rowtap-tls-")
            .tempdir()
            .expect("a temporary folder");
        let authority = [
            "basicConstraints=critical,CA:TRUE",
            "keyUsage=critical,keyCertSign,cRLSign",
        ];
        make(
            folder.path(),
            "ca",
            "/CN=rowtap test authority",
            &[],
            &authority,
        );

        let by_authority = ["-CA", "ca.pem", "-CAkey", "ca-key.pem"];
        let subject_alt_name = format!("subjectAltName={subject_alt_name}");
        let leaf = "basicConstraints=critical,CA:FALSE";
        let server = [leaf, "extendedKeyUsage=serverAuth", &subject_alt_name];
        make(
            folder.path(),
            "server",
            "/CN=rowtap test server",
            &by_authority,
            &server,
        );
        let client = [leaf, "extendedKeyUsage=clientAuth"];
        make(
            folder.path(),
            "client",
            "/CN=rowtap test client",
            &by_authority,
            &client,
        );
        Self { folder }
    }

    /// The authority that signed both others.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The server's certificate.
    pub fn server(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// The server's private key.
    pub fn server_key(&self) -> PathBuf {
        self.folder.path().join("server-key.pem")
    }

    /// The client's certificate; its subject is `/CN=rowtap test client`.
    pub fn client(&self) -> PathBuf {
        self.folder.path().join("client.pem")
    }

    /// The client's private key.
    pub fn client_key(&self) -> PathBuf {
        self.folder.path().join("client-key.pem")
    }

    /// What mysqld and mariadbd are told to use them.
    pub fn server_options(&self) -> [String; 3] {
        [
            ("ca", self.ca()),
            ("cert", self.server()),
            ("key", self.server_key()),
        ]
        .map(|(option, path)| format!("--ssl-{option}={}", path.display()))
    }
}

/// `{name}-key.pem` and `{name}.pem`.
#[track_caller]
fn make(folder: &Path, name: &str, subject: &str, signer: &[&str], extensions: &[&str]) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "30",
        ])
        .args([
            "-subj",
            subject,
            "-keyout",
            &format!("{name}-key.pem"),
            "-out",
            &format!("{name}.pem"),
        ])
        .args(signer)
        .args(
            extensions
                .iter()
                .flat_map(|extension| ["-addext", extension]),
        )
        .output()
        .expect("openssl is installed, scripts/servers --packages brings it");
    assert!(
        output.status.success(),
        "openssl made no {name}.pem: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

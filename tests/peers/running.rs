//! A peer that runs beside a test, and the MySQL 5.7 that Maxwell and Canal read.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Flavour, Server, cache, wait_until};

/// A process of a peer, which ends with this value.
pub struct Running {
    child: Child,
    folder: tempfile::TempDir,
}

impl Running {
    /// Starts a program of the cache, such as `maxwell-1.22/bin/maxwell`, with its output in a log.
    pub fn start(program: &str, arguments: &[String], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let child = Command::new(cache().join(program))
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}, scripts/servers brings it"));
        Self { child, folder }
    }

    /// What it has logged, as long as it runs.
    #[track_caller]
    pub fn log(&mut self) -> String {
        let log = self.folder.path().join("log");
        let log = fs::read_to_string(log).unwrap_or_default();
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?} {log}");
        log
    }

    /// Ends it as a service manager does, so that it keeps what it has to.
    #[track_caller]
    pub fn terminate(&mut self, wait_max: Duration) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").arg(&pid).status().unwrap();
        assert!(sent.success());
        wait_until("the peer ends", wait_max, || {
            self.child.try_wait().unwrap().is_some()
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A server that an old client may read: the account `peer` with the password `peer`.
pub fn server(options: &[&str]) -> Server {
    let server = Server::start(Flavour::MySql57, options);
    server.execute("CREATE USER peer@'%' IDENTIFIED BY 'peer'; GRANT ALL ON *.* TO peer@'%'");
    server
}

/// The statements of a file, each on a line of its own.
pub fn statements(workload: &Path) -> Vec<String> {
    let text = fs::read_to_string(workload).expect("the workload");
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    lines.map(str::to_owned).collect()
}

/// Puts what was recorded in the place of an earlier recording, if `UPDATE_GOLDEN` asks for it.
pub fn record(path: &Path, bytes: impl AsRef<[u8]>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, bytes).unwrap();
    }
}

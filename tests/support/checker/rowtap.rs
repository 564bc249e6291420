//! rowtap as a process: its connector file, its runs, what it says of itself, and how it ends.
//!
//! Each run's log is kept. A run that is still alive when its value goes is killed.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rowtap::state::relay_log_info;
use tempfile::TempDir;

use super::json::Json;
use crate::support::{Server, wait_until};

/// How long a run may take to end after it was told to, or to begin streaming.
const END_MAX: Duration = Duration::from_secs(120);
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A connector: its file and its state folder, in a temporary folder.
pub struct Connector {
    folder: TempDir,
    runs: Cell<u32>,
    fault: Option<String>,
    failure: Option<String>,
}

/// A run of the binary.
pub struct Run {
    child: Child,
    log: PathBuf,
    state: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote to standard error.
    pub log: String,
}

impl Connector {
    /// Writes the file `checked.toml`. `sections` makes all of it but the key of the state folder, and is given a folder
    /// for what else the connector needs.
    #[track_caller]
    pub fn new(sections: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rowtap-run-")
            .tempdir()
            .expect("a temporary folder");
        let state = folder.path().join("state");
        let text = format!(
            "state_dir = '{}'\n{}",
            state.display(),
            sections(folder.path())
        );
        fs::write(folder.path().join("checked.toml"), text)
            .expect("the temporary folder takes a file");
        Self {
            folder,
            runs: Cell::new(0),
            fault: None,
            failure: None,
        }
    }

    /// Plants a fault in every run from now on: the binary must have been built for it.
    pub fn plant(&mut self, fault: Option<&str>) {
        self.fault = fault.map(str::to_owned);
    }

    /// Makes a step on a file fail in every run from now on: the binary must have been built for it.
    pub fn fail(&mut self, failure: Option<&str>) {
        self.failure = failure.map(str::to_owned);
    }

    /// The folder that `sections` was given.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Removes what its runs keep beside their output.
    pub fn forget(&self) {
        let _ = fs::remove_dir_all(self.state());
    }

    /// The checkpoint as it is now; empty before the first.
    pub fn checkpoint(&self) -> Vec<u8> {
        fs::read(self.state().join("relay-log.info")).unwrap_or_default()
    }

    /// The file and the position of the checkpoint as it is now; before all others while there is none.
    pub fn saved(&self) -> (String, u64) {
        relay_log_info::decode(&self.checkpoint()).map_or_else(
            |_none_yet| (String::new(), 0),
            |checkpoint| {
                let at = checkpoint.coordinates;
                (at.file.to_string(), at.position)
            },
        )
    }

    /// Its state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state/checked")
    }

    /// Starts `rowtap run` on the connector, with its pages on a free port.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.start(&[&["run", "--http", "127.0.0.1:0"], arguments].concat())
    }

    /// Carries out a command on it, such as `skip`.
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).wait(END_MAX)
    }

    #[track_caller]
    fn start(&self, arguments: &[&str]) -> Run {
        let number = self.runs.get() + 1;
        self.runs.set(number);
        let log = self.folder.path().join(format!("run-{number}.log"));
        let stderr = File::create(&log).expect("the temporary folder takes a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_rowtap"));
        command
            .args(["--log-format", "text"])
            .args(arguments)
            .arg(self.folder.path().join("checked.toml"))
            .env_remove("ROWTAP_PLANTED_FAULT")
            .env_remove("ROWTAP_PLANTED_FAILURE")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        if let Some(fault) = &self.fault {
            command.env("ROWTAP_PLANTED_FAULT", fault);
        }
        if let Some(failure) = &self.failure {
            command.env("ROWTAP_PLANTED_FAILURE", failure);
        }
        Run {
            child: command.spawn().expect("the binary starts"),
            log,
            state: self.state(),
        }
    }

    /// Runs until everything that the source holds now is delivered.
    #[track_caller]
    pub fn run_once(&self, wait_max: Duration) -> Ended {
        self.run(&["--once"]).wait(wait_max)
    }

    /// The same, and fails at once if the source has died.
    #[track_caller]
    pub fn run_once_beside(&self, server: &Server, wait_max: Duration) -> Ended {
        self.run(&["--once"]).wait_beside(server, wait_max)
    }
}

impl Run {
    /// The connector's fields on the status page; `None` while there is no such page.
    pub fn status(&self) -> Option<Json> {
        let page = Json::parse(self.page("/status")?.split_once("\r\n\r\n")?.1).ok()?;
        match page.get("connectors")? {
            Json::List(connectors) => connectors.first().cloned(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => None,
        }
    }

    /// A field of the status page that is a number.
    pub fn count(&self, field: &str) -> u64 {
        let status = self.status();
        status
            .and_then(|status| status.get(field)?.number())
            .unwrap_or_default()
    }

    /// The file and the position up to which it has read groups; before all others while it does not say.
    pub fn read(&self) -> (String, u64) {
        let status = self.status();
        let field = |names: [&str; 2]| {
            let status = status.as_ref();
            status.and_then(|status| names.iter().find_map(|name| status.get(name)))
        };
        // MySQL's names and MariaDB's.
        let file = field(["Source_Log_File", "Master_Log_File"]).and_then(Json::text);
        let position = field(["Read_Source_Log_Pos", "Read_Master_Log_Pos"]).and_then(Json::number);
        let read = file.map(str::to_owned).zip(position);
        read.unwrap_or_default()
    }

    /// Its resident memory in KiB.
    pub fn resident_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let digits = resident.and_then(|text| text.split_whitespace().next());
        digits
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_default()
    }

    /// Waits until it streams.
    #[track_caller]
    pub fn wait_until_ready(&mut self) {
        let what = format!("rowtap streams: {}", self.log());
        wait_until(&what, END_MAX, || {
            assert!(
                !self.has_ended(),
                "rowtap ended before it streamed:\n{}",
                self.log()
            );
            self.page("/readyz")
                .is_some_and(|page| page.starts_with("HTTP/1.1 200"))
        });
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be waited for")
            .is_some()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it by SIGKILL.
    #[track_caller]
    pub fn kill(mut self) -> Ended {
        self.child.kill().expect("a child can be killed");
        self.wait(END_MAX)
    }

    /// Asks it by SIGTERM to stop, and waits until it has.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.terminate();
        self.wait(END_MAX)
    }

    /// Sends it SIGTERM.
    #[track_caller]
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    #[track_caller]
    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &pid]).status();
        assert!(told.expect("kill starts").success(), "no process {pid}");
    }

    /// Sends it SIGSTOP: it does nothing, though its connections stay open, until `resume`.
    #[track_caller]
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after `pause`.
    #[track_caller]
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Waits until it has ended.
    #[track_caller]
    pub fn wait(self, wait_max: Duration) -> Ended {
        self.wait_with(wait_max, |_run| {})
    }

    /// The same for one that reads from this server, and would try again for ever if that has died.
    #[track_caller]
    pub fn wait_beside(self, server: &Server, wait_max: Duration) -> Ended {
        self.wait_with(wait_max, |run| {
            if let Some(death) = server.death() {
                let (flavour, log) = (server.flavour(), run.log());
                panic!("{flavour:?} died: {death}\nrowtap's log:\n{log}");
            }
        })
    }

    #[track_caller]
    fn wait_with(mut self, wait_max: Duration, look: impl Fn(&Self)) -> Ended {
        let (mut status, begun) = (None, Instant::now());
        let mut is_told = false;
        wait_until("rowtap ends", wait_max, || {
            look(&self);
            status = self.child.try_wait().expect("a child can be waited for");
            if status.is_none() && !is_told && begun.elapsed() > wait_max / 2 {
                is_told = true;
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                println!("rowtap has not ended for {:?}:\n{log}", wait_max / 2);
            }
            status.is_some()
        });
        Ended {
            status: status.expect("it has ended"),
            log: self.log(),
        }
    }

    /// An answer of its status pages, whose address is in the lock file.
    fn page(&self, path: &str) -> Option<String> {
        let lock = fs::read_to_string(self.state.join("lock")).ok()?;
        let is_own = lock
            .lines()
            .any(|line| line == format!("pid={}", self.child.id()));
        let address = lock.lines().find_map(|line| line.strip_prefix("http="))?;
        if !is_own {
            return None;
        }
        let mut stream = TcpStream::connect_timeout(&address.parse().ok()?, ANSWER_MAX).ok()?;
        stream.set_read_timeout(Some(ANSWER_MAX)).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        stream.shutdown(Shutdown::Write).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

//! One private server process of whatever kind, on a free port, in a temporary folder of its own.
//!
//! It runs under `scripts/lib/watch`, which ends it and removes its folder when this process closes the pipe between
//! them: on drop, and by dying, SIGKILL included. How a server is told to start is `scripts/lib/instance`, which the
//! scripts use too. Not for what a server says: see `server` and `kafka`.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::wait_until;

/// How long a server may take to answer, on a machine that others keep busy.
const START_MAX: Duration = Duration::from_secs(120);
/// How long a server may take to stop after it was told to.
const STOP_MAX: Duration = Duration::from_secs(120);
const PORT_ATTEMPTS_MAX: usize = 8;

/// Says whether the server in this folder and on this port answers; the text is its log since it was started.
pub type IsUp = fn(folder: &Path, port: u16, log: &str) -> bool;

/// A server process and its folder. Every method takes `&self`: one thread may restart what others work on.
pub struct Private {
    name: &'static str,
    folder: TempDir,
    port: u16,
    options: Mutex<Vec<String>>,
    is_up: IsUp,
    running: Mutex<Option<Child>>,
}

impl Private {
    /// Starts `name`, a folder of the cache, and returns when it answers. An option wins over the default.
    #[track_caller]
    pub fn start(name: &'static str, options: &[&str], is_up: IsUp) -> Self {
        let stamp = cache().join(name).join("stamp");
        assert!(
            stamp.exists(),
            "{name} is not in the cache ({} is missing), run scripts/servers",
            stamp.display()
        );
        let mut private = Self::stopped(name, 0, owned(options), is_up);
        for _ in 0..PORT_ATTEMPTS_MAX {
            private.port = free_port();
            match private.launch() {
                Ok(()) => return private,
                Err(log) if log.to_lowercase().contains("address already in use") => {}
                Err(log) => panic!("{name} did not start:\n{}", tail(&log)),
            }
        }
        panic!("{name} found no free port in {PORT_ATTEMPTS_MAX} attempts");
    }

    /// Starts several that answer only together. `options` is given the number of each, from 0, and the ports of all.
    #[track_caller]
    pub fn start_together(
        name: &'static str,
        count: usize,
        options: impl Fn(usize, &[u16]) -> Vec<String>,
        is_up: IsUp,
    ) -> Vec<Self> {
        let ports: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let all: Vec<Self> = (0..count)
            .map(|number| Self::stopped(name, ports[number], options(number, &ports), is_up))
            .collect();
        Self::start_all_again(&all);
        all
    }

    /// Starts several that are stopped, and returns when all of them answer.
    #[track_caller]
    pub fn start_all_again(all: &[Self]) {
        std::thread::scope(|scope| {
            for one in all {
                scope.spawn(|| one.start_again());
            }
        });
    }

    fn stopped(name: &'static str, port: u16, options: Vec<String>, is_up: IsUp) -> Self {
        Self {
            name,
            folder: tempfile::Builder::new()
                .prefix("rowtap-")
                .tempdir()
                .expect("a temporary folder"),
            port,
            options: Mutex::new(options),
            is_up,
            running: Mutex::new(None),
        }
    }

    /// The port on 127.0.0.1. It stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that holds `data/`, `server.log` and a database's `server.sock`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything that the server has logged, over all its starts.
    pub fn log(&self) -> String {
        self.log_from(0)
    }

    /// The end of its log, if it has ended without being told to.
    pub fn death(&self) -> Option<String> {
        let ended = self
            .running()
            .as_mut()?
            .try_wait()
            .expect("the watcher can be waited for");
        ended.map(|status| format!("{status}\n{}", tail(&self.log())))
    }

    /// Stops the server and waits for its end, as a service manager does: one that does not end when it is told to is killed.
    /// The data stays for `start_again`.
    #[track_caller]
    pub fn stop(&self) {
        self.signal("TERM");
    }

    /// Ends the server by SIGKILL and waits for its end; the data stays for `start_again`.
    #[track_caller]
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// Lets the server do nothing, without an end, until `resume`.
    #[track_caller]
    pub fn pause(&self) {
        self.send("STOP");
    }

    /// Lets the server go on after `pause`.
    #[track_caller]
    pub fn resume(&self) {
        self.send("CONT");
    }

    /// Starts a stopped or killed server on its port and its data, and returns when it answers.
    #[track_caller]
    pub fn start_again(&self) {
        if let Err(log) = self.launch() {
            panic!(
                "{} did not start on port {}:\n{}",
                self.name,
                self.port,
                tail(&log)
            );
        }
    }

    /// Stops it and starts it again on its port and its data with these options, and no more with those that it had.
    #[track_caller]
    pub fn restart_with(&self, options: &[&str]) {
        self.stop();
        *self.options() = owned(options);
        self.start_again();
    }

    fn options(&self) -> MutexGuard<'_, Vec<String>> {
        self.options
            .lock()
            .expect("no thread panics while it holds the options")
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running
            .lock()
            .expect("no thread panics while it holds the server")
    }

    /// One start. The error is the log since then.
    fn launch(&self) -> Result<(), String> {
        let log_start = self
            .log_file()
            .metadata()
            .expect("the log has a length")
            .len();
        let log = self.log_file();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib");
        let mut child = Command::new(scripts.join("watch"))
            .arg(self.folder())
            .arg(scripts.join("instance"))
            .args([
                self.name,
                &self.folder().display().to_string(),
                &self.port.to_string(),
            ])
            .args(self.options().iter())
            .env("ROWTAP_CACHE", cache())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .spawn()
            .expect("scripts/lib/watch starts");

        let deadline = Instant::now() + START_MAX;
        let mut is_up = false;
        wait_until("the server answers or ends", START_MAX + STOP_MAX, || {
            let ended = child
                .try_wait()
                .expect("the watcher can be waited for")
                .is_some();
            is_up = !ended && (self.is_up)(self.folder(), self.port, &self.log_from(log_start));
            is_up || ended || Instant::now() > deadline
        });
        if !is_up {
            // Not by closing the pipe, which would remove the folder with the log in it.
            let _ = child.stdin.as_mut().map(|pipe| pipe.write_all(b"KILL\n"));
            child.wait().expect("the watcher ends");
            return Err(self.log_from(log_start));
        }
        let earlier = self.running().replace(child);
        assert!(
            earlier.is_none(),
            "{} was started while it was running",
            self.name
        );
        Ok(())
    }

    #[track_caller]
    fn send(&self, signal: &str) {
        let mut running = self.running();
        let child = running.as_mut().expect("the server is running");
        let pipe = child.stdin.as_mut().expect("the watcher was given a pipe");
        writeln!(pipe, "{signal}").expect("the watcher reads");
    }

    #[track_caller]
    fn signal(&self, signal: &str) {
        let mut child = self.running().take().expect("the server is running");
        let pipe = child.stdin.as_mut().expect("the watcher was given a pipe");
        writeln!(pipe, "{signal}").expect("the watcher reads");
        let told = Instant::now();
        let mut is_killed = false;
        wait_until("the server has ended", 2 * STOP_MAX, || {
            if told.elapsed() > STOP_MAX && !is_killed {
                is_killed = true;
                println!("the server did not end within {STOP_MAX:?} and is killed");
                let pipe = child.stdin.as_mut().expect("the watcher was given a pipe");
                writeln!(pipe, "KILL").expect("the watcher reads");
            }
            child
                .try_wait()
                .expect("the watcher can be waited for")
                .is_some()
        });
    }

    fn log_file(&self) -> File {
        let path = self.folder().join("server.log");
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the server's log opens")
    }

    fn log_from(&self, start: u64) -> String {
        let mut bytes = Vec::new();
        if let Ok(mut file) = File::open(self.folder().join("server.log")) {
            file.seek(SeekFrom::Start(start))
                .expect("the log is a plain file");
            file.read_to_end(&mut bytes).expect("the log can be read");
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let child = self
            .running
            .get_mut()
            .map_or_else(|poisoned| poisoned.into_inner().take(), Option::take);
        if let Some(mut child) = child {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

fn owned(options: &[&str]) -> Vec<String> {
    options.iter().map(|&option| option.to_owned()).collect()
}

/// The folder that `scripts/servers` fills.
pub fn cache() -> PathBuf {
    std::env::var_os("ROWTAP_CACHE").map_or_else(
        || Path::new(&std::env::var_os("HOME").expect("HOME is set")).join(".cache/rowtap"),
        PathBuf::from,
    )
}

/// A port that is free, and the next one too; never handed out twice by this process. It lies below the range that
/// outgoing connections take theirs from, so that it is still free when the server, or its second start, binds it.
pub fn free_port() -> u16 {
    static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut taken = TAKEN
        .lock()
        .expect("no thread panics while it picks a port");
    loop {
        let random = RandomState::new().build_hasher().finish() % 9_000;
        let port = 12_000 + 2 * u16::try_from(random).expect("a number below 9,000");
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if !taken.contains(&port) && is_free(port) && is_free(port + 1) {
            taken.insert(port);
            return port;
        }
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

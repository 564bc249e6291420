//! One rowtap process and the folder that it works in.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{Flavour, Server, wait_until};

const END_MAX: Duration = Duration::from_secs(60);
/// What no output may hold.
pub const PASSWORD: &str = "Cor-rect.Horse";

/// A folder with a connector file in it, `shop.toml`.
pub struct Folder {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A process that runs; killed when this value goes.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Folder {
    /// A connector file whose text may name the folder `{dir}`.
    pub fn new(text: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("rowtap-command-")
            .tempdir()
            .unwrap();
        let folder = Self {
            dir,
            variables: Vec::new(),
        };
        folder.write(text);
        folder
    }

    /// A connector from a server, as `user`, to a folder of files.
    pub fn streaming(server: &Server, user: &str) -> Self {
        Self::new(&source(server.port(), user))
    }

    /// The same from a server of any version.
    pub fn streaming_any(server: &Server, user: &str) -> Self {
        let folder = Self::streaming(server, user);
        match server.flavour() {
            // They speak no TLS that is still spoken.
            Flavour::MySql80 | Flavour::MySql57 => folder.replacing(
                "start = 'latest'",
                "start = 'latest'\nget_source_public_key = true\ntls.mode = 'disabled'",
            ),
            Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => folder,
        }
    }

    pub fn write(&self, text: &str) {
        let text = text.replace("{dir}", &self.dir.path().display().to_string());
        fs::write(self.path("shop.toml"), text).unwrap();
    }

    /// Puts another text in the place of one that is in the connector file.
    pub fn replacing(self, from: &str, to: &str) -> Self {
        let text = fs::read_to_string(self.path("shop.toml")).unwrap();
        let from = from.replace("{dir}", &self.dir.path().display().to_string());
        assert!(text.contains(&from), "{from} is not in {text}");
        self.write(&text.replacen(&from, to, 1));
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts rowtap; `shop.toml` among the arguments is the connector file.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, None, None)
    }

    /// The same with other places for what it writes than files.
    pub fn start_with(
        &self,
        arguments: &[&str],
        out: Option<Stdio>,
        err: Option<Stdio>,
    ) -> Running {
        let number = fs::read_dir(self.dir.path()).unwrap().count();
        let (stdout, stderr) = (
            self.path(&format!("{number}.out")),
            self.path(&format!("{number}.err")),
        );
        let [out_file, err_file] = [&stdout, &stderr].map(|path| File::create(path).unwrap());
        let text: &[&str] = match arguments.contains(&"--log-format") {
            true => &[],
            false => &["--log-format", "text"],
        };
        let child = Command::new(env!("CARGO_BIN_EXE_rowtap"))
            .args(text)
            .args(arguments)
            .current_dir(self.dir.path())
            .env_remove("RUST_LOG")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out.unwrap_or(out_file.into()))
            .stderr(err.unwrap_or(err_file.into()))
            .spawn()
            .unwrap();
        Running {
            child,
            stdout,
            stderr,
        }
    }

    /// Runs rowtap to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs rowtap to its end, which has to be a good one.
    #[track_caller]
    pub fn succeeds(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended
    }

    /// `run --once`, which has to fail with this code and a last word that holds all of these.
    #[track_caller]
    pub fn fails(&self, code: i32, fragments: &[&str]) {
        let ended = self.run(&["run", "--once", "--http", "off", "shop.toml"]);
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        let words: Vec<&str> = ended
            .stderr
            .lines()
            .filter(|line| line.starts_with("rowtap: "))
            .collect();
        assert_eq!(words.len(), 1, "one message: {}", ended.stderr);
        for fragment in fragments {
            assert!(
                words[0].contains(fragment),
                "'{fragment}' is not in: {}",
                words[0]
            );
        }
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
    }

    /// A command that is refused, with this code and these words.
    #[track_caller]
    pub fn refuses(&self, command: &[&str], code: i32, fragments: &[&str]) {
        let ended = self.run(command);
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        for fragment in fragments {
            assert!(
                ended.stderr.contains(fragment),
                "{fragment}: {}",
                ended.stderr
            );
        }
    }

    /// Every line of the changes that arrived.
    pub fn changes(&self) -> Vec<serde_json::Value> {
        self.lines("changes-")
    }

    /// Every line of the DDL that arrived.
    pub fn ddl(&self) -> Vec<serde_json::Value> {
        self.lines("ddl-")
    }

    fn lines(&self, prefix: &str) -> Vec<serde_json::Value> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.path("changes"))
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        files.retain(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(prefix)
        });
        files.sort();
        let text: String = files
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A connector's text: from a port of this machine to the folder `changes`.
pub fn source(port: u16, user: &str) -> String {
    format!(
        "state_dir = '{{dir}}/state'\n\
         [source]\nhost = '127.0.0.1'\nport = {port}\nuser = '{user}'\npassword = '{PASSWORD}'\nstart = 'latest'\n\
         source_connect_retry = '200ms'\nsource_retry_count = 3\n\
         [sink]\ntype = 'file'\nfolder = '{{dir}}/changes'\n"
    )
}

/// An account that may do what rowtap needs, on tables of every database.
pub fn account(server: &Server, user: &str) {
    server.execute(&format!(
        "CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}';
         GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {user}@'%'"
    ));
}

impl Running {
    pub fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    /// Where it says that it serves its pages.
    #[track_caller]
    pub fn http(&mut self) -> String {
        let mut address = String::new();
        self.until("it serves its pages", |running| {
            let log = running.stderr();
            let found = log
                .lines()
                .find_map(|line| line.split_once("status pages address="));
            found.is_some_and(|(_, rest)| {
                address = rest.trim().to_owned();
                true
            })
        });
        address
    }

    #[track_caller]
    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        wait_until(what, 2 * END_MAX, || {
            if is_so(self) {
                return true;
            }
            let is_late = begun.elapsed() >= END_MAX;
            assert!(!is_late, "waited in vain until {what}: {}", self.stderr());
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended before {what}: {}", self.stderr());
            false
        });
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let mut code = None;
        wait_until("rowtap ends", END_MAX, || {
            match self.child.try_wait().unwrap() {
                Some(status) => {
                    code = status.code();
                    true
                }
                None => false,
            }
        });
        Ended {
            code,
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer of a page: status line and body.
pub fn page(address: &str, path: &str) -> Option<(String, String)> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.lines().next()?.to_owned(), body.to_owned()))
}

pub fn exists(path: &Path) -> bool {
    path.try_exists().unwrap()
}

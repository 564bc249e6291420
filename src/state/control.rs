//! The control socket: how a command reaches the process that runs a connector.
//!
//! It is the file `control.sock` of the state folder, which nobody but the folder's owner can open. A client sends one line, a
//! [`Request`] as JSON, and gets one line, an [`Answer`]. What is no request gets an answer that says so, and changes nothing.
//! Commands are not carried out here: whoever serves the socket takes them one by one and answers each.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::warn;

use super::durable;
use super::error::StateError;
use super::folder::StateFolder;
use crate::failure::Class;
use crate::fault::FileRole;

/// The socket's name in the state folder.
pub const CONTROL_NAME: &str = "control.sock";
/// The version of requests and answers.
pub const CONTROL_VERSION: u32 = 1;
/// Bytes of a request or an answer; GTID sets can be long.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// How long a client may take to send its request.
const REQUEST_MAX: Duration = Duration::from_secs(5);
/// How long it may take to come to the end of a group and to carry a command out there.
const CARRY_OUT_MAX: Duration = Duration::from_secs(60);
/// Clients that are served at once; others wait until one of them has its answer.
const CLIENTS_MAX: usize = 8;
/// What a path in a socket's address may have, its end included.
const ADDRESS_BYTES_MAX: usize = 108;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The version of the protocol, 1.
    pub version: u32,
    /// The command.
    pub command: Command,
}

/// What a connector can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// To pass over the groups with these GTIDs.
    SkipGtids(String),
    /// To pass over the next groups.
    SkipGroups(u64),
    /// To pass over the group at `FILE:POSITION`.
    SkipAt(String),
    /// To take a skip order back.
    CancelSkip(u64),
    /// To list the skip orders that are not carried out.
    ListSkips,
    /// To do something about snapshots of some tables.
    Snapshot(SnapshotCommand),
}

/// What a connector can be told about snapshots beside its stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SnapshotCommand {
    /// To take one.
    Take {
        /// Patterns of tables, as those of `replicate-wild-do-table`.
        tables: Vec<String>,
        /// What a row has to meet, in the source's SQL.
        condition: Option<String>,
    },
    /// To copy nothing until it is told to go on.
    Pause,
    /// To go on.
    Resume,
    /// To take an order back.
    Cancel(u64),
    /// To tell of those that wait or are being taken.
    Status,
}

impl Command {
    /// Whether it can be carried out between groups only.
    pub fn wants_boundary(&self) -> bool {
        match self {
            Self::SkipGtids(_) | Self::SkipGroups(_) | Self::SkipAt(_) | Self::CancelSkip(_) => {
                true
            }
            Self::Snapshot(command) => *command != SnapshotCommand::Status,
            Self::ListSkips => false,
        }
    }
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was carried out; the text is for a person.
    Done(String),
    /// It was not, and changed nothing.
    Refused {
        /// What the refusal means.
        class: Class,
        /// Why, for a person.
        message: String,
    },
}

/// A command that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    /// The command.
    pub command: Command,
    /// Where the answer goes; closed once nobody waits for it any more.
    pub answer: oneshot::Sender<Answer>,
}

/// Why a command could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The process cannot be reached.
    #[error(
        "process {pid} runs the connector and does not answer at {path}, see its log, or stop it and repeat the command",
        path = path.display()
    )]
    Unreachable {
        /// The process.
        pid: u32,
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// What came is no answer.
    #[error("the answer at {path} cannot be read, run the rowtap that runs the connector", path = path.display())]
    Answer {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: serde_json::Error,
    },
}

impl ControlError {
    /// What the failure means.
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. } => Class::GaveUp,
            Self::Answer { .. } => Class::Data,
        }
    }
}

/// A socket that is listened at; it goes with this value.
#[derive(Debug)]
pub struct ControlServer {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlServer {
    /// Listens in a folder whose lock is held, so that a socket which is there is a dead process's. To be called on a runtime.
    ///
    /// # Errors
    /// `StateError::Io` where the folder takes no socket.
    pub fn bind(folder: &StateFolder) -> Result<Self, StateError> {
        let path = folder.path().join(CONTROL_NAME);
        durable::remove_if_there(&path, FileRole::ControlSocket)?;
        let bound = reach(folder.path(), |address| UnixListener::bind(address));
        let listener = bound.map_err(|error| StateError::Io {
            action: "create",
            path: path.clone(),
            error,
        })?;
        let server = Self { listener, path };
        durable::make_private_file(&server.path, FileRole::ControlSocket)?;
        Ok(server)
    }

    /// Hands the clients' commands on until nobody takes them, or the future is dropped.
    pub async fn serve(self, commands: mpsc::Sender<Asked>) {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if clients.len() < CLIENTS_MAX => match accepted {
                    Ok((client, _)) => {
                        clients.spawn(serve_client(client, commands.clone()));
                    }
                    Err(error) => {
                        warn!(%error, "the control socket takes no clients any more");
                        return;
                    }
                },
                Some(_) = clients.join_next() => {}
                () = commands.closed() => return,
            }
        }
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        // The next process removes what is left.
        let _ = durable::remove_if_there(&self.path, FileRole::ControlSocket);
    }
}

async fn serve_client(mut client: UnixStream, commands: mpsc::Sender<Asked>) {
    let request = tokio::time::timeout(REQUEST_MAX, request_of(&mut client)).await;
    let answer = match request {
        Ok(Ok(Some(command))) => ask(command, &commands).await,
        // It went away.
        Ok(Ok(None)) => return,
        Ok(Err(message)) => refused(Class::Arguments, message),
        Err(_) => refused(
            Class::Arguments,
            format!("no request within {REQUEST_MAX:?}, send one line"),
        ),
    };
    let mut line = serde_json::to_vec(&answer).expect("an answer has string keys only");
    line.push(b'\n');
    // A client that does not wait for its answer has none.
    let _ = tokio::time::timeout(REQUEST_MAX, client.write_all(&line)).await;
}

/// Reads a client's one line; `None` if it sent nothing.
async fn request_of(client: &mut UnixStream) -> Result<Option<Command>, String> {
    let mut line = Vec::new();
    let mut input = tokio::io::BufReader::new(client).take(LINE_BYTES_MAX);
    let read = input.read_until(b'\n', &mut line).await;
    if read.map_err(|error| error.to_string())? == 0 {
        return Ok(None);
    }
    let Some(line) = line.strip_suffix(b"\n") else {
        return Err(format!(
            "the request has no line feed within {LINE_BYTES_MAX} bytes, send one line"
        ));
    };
    let request: serde_json::Value =
        serde_json::from_slice(line).map_err(|error| format!("the request is no JSON: {error}"))?;
    let version = request.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(CONTROL_VERSION)) {
        return Err(format!(
            "the request has not version {CONTROL_VERSION}, run the rowtap that runs the connector"
        ));
    }
    match serde_json::from_value::<Request>(request) {
        Ok(request) => Ok(Some(request.command)),
        Err(error) => Err(format!("the request is not known: {error}")),
    }
}

async fn ask(command: Command, commands: &mpsc::Sender<Asked>) -> Answer {
    let (answer, answered) = oneshot::channel();
    let exchange = async {
        commands.send(Asked { command, answer }).await.ok()?;
        answered.await.ok()
    };
    match tokio::time::timeout(CARRY_OUT_MAX, exchange).await {
        Ok(Some(answer)) => answer,
        Ok(None) => refused(
            Class::GaveUp,
            "the connector has ended, repeat the command".to_owned(),
        ),
        Err(_) => refused(
            Class::GaveUp,
            format!(
                "the connector came to no end of a group within {CARRY_OUT_MAX:?}, the command was not carried out; repeat it, or \
                 stop the connector before"
            ),
        ),
    }
}

fn refused(class: Class, message: String) -> Answer {
    Answer::Refused { class, message }
}

/// Sends a command to the process that runs a connector, and waits for its answer. Blocks.
///
/// # Errors
/// When the process cannot be asked, or answers something else.
pub fn send(
    state_dir: &Path,
    connector: &str,
    pid: u32,
    command: Command,
) -> Result<Answer, ControlError> {
    let folder = state_dir.join(connector);
    let path = folder.join(CONTROL_NAME);
    let request = Request {
        version: CONTROL_VERSION,
        command,
    };
    let exchanged = reach(&folder, |address| exchange(address, &request));
    let line = exchanged.map_err(|error| ControlError::Unreachable {
        pid,
        path: path.clone(),
        error,
    })?;
    serde_json::from_slice(&line).map_err(|error| ControlError::Answer { path, error })
}

fn exchange(address: &Path, request: &Request) -> io::Result<Vec<u8>> {
    let mut stream = BlockingStream::connect(address)?;
    stream.set_read_timeout(Some(CARRY_OUT_MAX + 2 * REQUEST_MAX))?;
    stream.set_write_timeout(Some(REQUEST_MAX))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_until(b'\n', &mut answer)?;
    match answer.is_empty() {
        true => Err(io::ErrorKind::UnexpectedEof.into()),
        false => Ok(answer),
    }
}

/// Calls with a path of the socket that fits into an address: a long one goes through an open handle of the folder.
fn reach<T>(folder: &Path, call: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = folder.join(CONTROL_NAME);
    if path.as_os_str().len() < ADDRESS_BYTES_MAX {
        return call(&path);
    }
    let handle =
        durable::folder_handle(folder, FileRole::StateFolder).map_err(|error| error.source)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
    call(&short.join(CONTROL_NAME))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Answers every command with itself.
    async fn echo(server: ControlServer) {
        let (commands, mut asked) = mpsc::channel(1);
        let answering = async {
            while let Some(Asked { command, answer }) = asked.recv().await {
                let _ = answer.send(Answer::Done(format!("{command:?}")));
            }
        };
        tokio::join!(server.serve(commands), answering);
    }

    fn raw(path: &Path, bytes: &[u8]) -> String {
        let mut stream = BlockingStream::connect(path).unwrap();
        stream.write_all(bytes).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_command_is_answered_and_garbage_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "shop").unwrap();
        let serving = tokio::spawn(echo(ControlServer::bind(&folder).unwrap()));
        let path = folder.path().join(CONTROL_NAME);
        let asked = tokio::task::spawn_blocking(move || {
            let answer = |command| send(dir.path(), "shop", 7, command).unwrap();
            assert_eq!(
                answer(Command::SkipGroups(3)),
                Answer::Done("SkipGroups(3)".to_owned())
            );
            let long = "0-1-1,".repeat(100_000);
            let Answer::Done(text) = answer(Command::SkipGtids(long.clone())) else {
                panic!("it is short enough");
            };
            assert!(text.contains(&long));
            let version = format!("{{\"version\":{CONTROL_VERSION},");
            for (request, expected) in [
                ("nonsense\n".to_owned(), "is no JSON"),
                ("\n".to_owned(), "is no JSON"),
                ("{}\n".to_owned(), "has not version 1"),
                (
                    "{\"version\":2,\"command\":\"list_skips\"}\n".to_owned(),
                    "has not version 1",
                ),
                (format!("{version}\"command\":\"stop\"}}\n"), "is not known"),
                (
                    format!("{version}\"command\":\"list_skips\",\"x\":1}}\n"),
                    "is not known",
                ),
                (
                    format!("{version}\"command\":{{\"skip_groups\":-1}}}}\n"),
                    "is not known",
                ),
                ("x".repeat(2 << 20), "no line feed within"),
            ] {
                let sent = std::panic::catch_unwind(|| raw(&path, request.as_bytes()));
                // Whoever sends too much may be cut off.
                let Ok(text) = sent else { continue };
                assert!(
                    text.contains("\"refused\"") && text.contains(expected),
                    "{text}"
                );
            }
            assert_eq!(
                answer(Command::ListSkips),
                Answer::Done("ListSkips".to_owned())
            );
            folder
        });
        let folder = asked.await.unwrap();
        serving.abort();
        let _ = serving.await;
        assert!(
            !folder.path().join(CONTROL_NAME).exists(),
            "it goes with the server"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn clients_that_say_nothing_keep_no_other_waiting_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "shop").unwrap();
        let serving = tokio::spawn(echo(ControlServer::bind(&folder).unwrap()));
        let path = folder.path().join(CONTROL_NAME);
        let asked = tokio::task::spawn_blocking(move || {
            let silent: Vec<_> = (0..3 * CLIENTS_MAX)
                .map(|_| BlockingStream::connect(&path).unwrap())
                .collect();
            let begun = Instant::now();
            let answer = send(dir.path(), "shop", 7, Command::ListSkips).unwrap();
            assert_eq!(answer, Answer::Done("ListSkips".to_owned()));
            drop(silent);
            assert!(begun.elapsed() < Duration::from_secs(60));
        });
        asked.await.unwrap();
        serving.abort();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_dead_process_s_socket_is_replaced_and_a_long_path_is_reached() {
        let dir = tempfile::tempdir().unwrap();
        let state_dir = dir.path().join("a-long-name".repeat(15));
        let folder = StateFolder::open(&state_dir, "shop").unwrap();
        for _ in 0..2 {
            let server = ControlServer::bind(&folder).unwrap();
            let serving = tokio::spawn(echo(server));
            let at = state_dir.clone();
            let asked =
                tokio::task::spawn_blocking(move || send(&at, "shop", 7, Command::ListSkips));
            let answer = asked.await.unwrap().unwrap();
            assert_eq!(answer, Answer::Done("ListSkips".to_owned()));
            // As if the process had died: the file stays.
            std::mem::forget(serving);
        }
    }
}

//! The account's password: as it was given, or as a command prints it.
//!
//! The command is run for each connection, since tokens of managed servers live for minutes. Its output is never logged.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::mysql::error::{ConnectionError, PasswordCommandError};
use crate::mysql::options::{ConnectOptions, PasswordCommand};

/// How long a command may take.
const RUN_MAX: Duration = Duration::from_secs(60);
/// No password or token is longer.
const OUTPUT_BYTES_MAX: u64 = 64 << 10;
/// How much of what it wrote to standard error is told.
const SAID_CHARACTERS_MAX: usize = 500;
/// How often the end of a command is looked for that has closed its output.
const END_PAUSE: Duration = Duration::from_millis(5);

/// The password to log in with.
///
/// # Errors
/// [`ConnectionError::Password`] where a command does not print it.
pub(super) async fn of(options: &ConnectOptions) -> Result<SecretString, ConnectionError> {
    let Some(command) = &options.password_command else {
        return Ok(options.password.clone());
    };
    let printed = match tokio::time::timeout(RUN_MAX, run(command)).await {
        Ok(printed) => printed,
        Err(_) => Err(PasswordCommandError::Timeout { limit: RUN_MAX }),
    };
    printed.map_err(|source| ConnectionError::Password {
        address: options.address(),
        source,
    })
}

/// A command under way; killed when this value goes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    async fn end(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(END_PAUSE).await;
        }
    }
}

async fn run(command: &PasswordCommand) -> Result<SecretString, PasswordCommandError> {
    let spawned = of_words(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut running = Running(spawned.map_err(PasswordCommandError::Run)?);
    let (stdout, stderr) = (running.0.stdout.take(), running.0.stderr.take());
    let (printed, said) = tokio::join!(all_of(stdout), all_of(stderr));
    let status = running.end().await.map_err(PasswordCommandError::Run)?;
    if !status.success() {
        let said = String::from_utf8_lossy(&said)
            .trim()
            .replace(['\n', '\r'], " ");
        let before = said.chars().count().saturating_sub(SAID_CHARACTERS_MAX);
        let said = said.chars().skip(before).collect();
        let status = status.to_string();
        return Err(PasswordCommandError::Failed { status, said });
    }
    password(&printed).map_err(|found| PasswordCommandError::Output { found })
}

fn of_words(command: &PasswordCommand) -> Command {
    match command {
        PasswordCommand::Shell(text) => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", text]);
            shell
        }
        PasswordCommand::Program(words) => {
            let (program, arguments) = match words.split_first() {
                Some((program, arguments)) => (program.as_str(), arguments),
                None => ("", &[][..]),
            };
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
    }
}

/// What comes out of a pipe until its end, off the runtime: another program may hold the pipe for longer than anybody waits.
async fn all_of(pipe: Option<impl Read + Send + 'static>) -> Zeroizing<Vec<u8>> {
    let read = move || {
        let mut bytes = Zeroizing::new(Vec::new());
        if let Some(mut pipe) = pipe {
            // One byte more than may be shows that there is too much.
            let kept = (&mut pipe)
                .take(OUTPUT_BYTES_MAX + 1)
                .read_to_end(&mut bytes);
            // The rest is read too, so that whoever writes it can end.
            let _ = kept.and_then(|_| io::copy(&mut pipe, &mut io::sink()));
        }
        bytes
    };
    tokio::task::spawn_blocking(read)
        .await
        .expect("reading a pipe does not panic, and the runtime outlives it")
}

/// The password in what was printed, without the line feed at its end.
fn password(printed: &[u8]) -> Result<SecretString, &'static str> {
    if printed.len() as u64 > OUTPUT_BYTES_MAX {
        return Err("more than 64 KiB");
    }
    let text = std::str::from_utf8(printed).map_err(|_| "bytes that are not UTF-8")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text {
        "" => Err("nothing"),
        text if text.contains(['\n', '\0']) => Err("more than one line"),
        text => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    async fn printed(command: PasswordCommand) -> Result<String, String> {
        match run(&command).await {
            Ok(password) => Ok(password.expose_secret().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn shell(command: &str) -> PasswordCommand {
        PasswordCommand::Shell(command.to_owned())
    }

    fn program(words: &[&str]) -> PasswordCommand {
        PasswordCommand::Program(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[tokio::test]
    async fn the_password_is_what_is_printed_without_its_line_feed() {
        for (command, expected) in [
            (shell("echo 'a b'"), "a b"),
            (shell("printf 'a\\r\\n'"), "a"),
            (shell("printf x; printf y >&2"), "xy".get(..1).unwrap()),
            (program(&["printf", "%s", "$HOME; a"]), "$HOME; a"),
            (
                program(&["/bin/sh", "-c", "seq -s '' 999 >&2; echo done"]),
                "done",
            ),
        ] {
            assert_eq!(printed(command).await.as_deref(), Ok(expected));
        }
    }

    #[tokio::test]
    async fn what_is_no_password_is_told_without_being_shown() {
        for (command, expected) in [
            (
                shell("echo secret; echo no token >&2; exit 3"),
                "exit status: 3, and said on standard error: no token",
            ),
            (shell("true"), "it printed nothing"),
            (shell("printf 'secret\\nsecret'"), "more than one line"),
            (shell("printf 'secret\\377'"), "not UTF-8"),
            (shell("head -c 70000 /dev/zero"), "more than 64 KiB"),
            (program(&["/no/such/program"]), "it cannot be run"),
        ] {
            let error = printed(command).await.unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}

//! Secrets from files: `password_file = "/run/secrets/shop"` stands for `password` with that file's content.
//!
//! Holds for every key that names a secret by its last word, also inside `properties`.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::document::{Content, Keys, Node};
use super::mistake::Mistakes;
use super::origin::ValueOrigin;

const SUFFIX: &str = "_file";
const SECRETS: [&str; 6] = [
    "password",
    "passphrase",
    "secret",
    "token",
    "salt",
    "hmac_key",
];
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Whether a key names a secret, whose value no message may show.
pub fn is_secret(key: &str) -> bool {
    let key = key.strip_suffix(SUFFIX).unwrap_or(key);
    SECRETS.iter().any(|word| key.ends_with(word))
}

/// The key that says the same as `key` in another way: `password` and `password_file`.
pub fn rival(key: &str) -> Option<String> {
    if !is_secret(key) {
        return None;
    }
    Some(match key.strip_suffix(SUFFIX) {
        Some(base) => base.to_owned(),
        None => format!("{key}{SUFFIX}"),
    })
}

/// Keys with those after them that name the files of secrets.
pub fn with_files<'a>(keys: &[&'a str]) -> Vec<Cow<'a, str>> {
    let mut all: Vec<Cow<'a, str>> = Vec::new();
    for key in keys {
        let file = rival(key).filter(|file| file.ends_with(SUFFIX));
        let file = file.filter(|file| !keys.contains(&&**file));
        all.push((*key).into());
        all.extend(file.map(Cow::from));
    }
    all
}

/// Replaces every key that names a secret's file by the secret. Both keys at once, and a file that cannot be read or that
/// others may write, are mistakes.
pub fn fill_in(node: &mut Node, path: &str, mistakes: &mut Mistakes) {
    match &mut node.content {
        Content::List(nodes) => nodes
            .iter_mut()
            .for_each(|node| fill_in(node, path, mistakes)),
        Content::Table(table) => {
            let named: Vec<String> = table
                .keys()
                .filter(|key| key.ends_with(SUFFIX) && is_secret(key))
                .cloned()
                .collect();
            for key in named {
                replace(table, &key, path, mistakes);
            }
            for (key, node) in table {
                fill_in(node, &joined(path, key), mistakes);
            }
        }
        Content::Text(_)
        | Content::Free(_)
        | Content::Integer(_)
        | Content::Float(_)
        | Content::Boolean(_)
        | Content::Date
        | Content::Unusable => {}
    }
}

/// A key with the sections that it stands in.
pub fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

fn replace(table: &mut Keys, key: &str, path: &str, mistakes: &mut Mistakes) {
    let (Some(node), Some(base)) = (table.remove(key), rival(key)) else {
        return;
    };
    let mut fault = |message: String| mistakes.add_key(&node.origin, &joined(path, key), message);
    let (content, origin) = match &node.content {
        _either if table.contains_key(&base) => {
            return fault(format!("{base} is given too, keep one of them"));
        }
        Content::Text(file) | Content::Free(file) => {
            let file = PathBuf::from(file);
            match read(&file) {
                Ok(secret) => (Content::Text(secret), ValueOrigin::SecretFile(file)),
                Err(message) => {
                    fault(format!("{} {message}", file.display()));
                    (Content::Unusable, node.origin.clone())
                }
            }
        }
        Content::Unusable => (Content::Unusable, node.origin.clone()),
        Content::Integer(_)
        | Content::Float(_)
        | Content::Boolean(_)
        | Content::Date
        | Content::List(_)
        | Content::Table(_) => {
            fault("expected the path of a file, as a string".to_owned());
            (Content::Unusable, node.origin.clone())
        }
    };
    table.insert(base, Node { content, origin });
}

/// The secret in a file: its content without the newline at its end.
///
/// # Errors
/// What is wrong with the file, to follow its name.
pub fn read(path: &Path) -> Result<String, String> {
    let unreadable =
        |error| format!("cannot be read: {error}, name a file that this account may read");
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is no regular file, name a file that holds the secret alone".to_owned());
    }
    let mode = metadata.permissions().mode();
    if mode & 0o022 != 0 {
        return Err(format!(
            "can be written by others (mode {:03o}), chmod it to 600",
            mode & 0o777
        ));
    }
    if mode & 0o004 != 0 {
        warn!(path = %path.display(), "secret file can be read by everyone, chmod it to 600");
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!(
            "is longer than {FILE_BYTES_MAX} bytes, expected a secret"
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8, expected text".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

//! Connector files as they lie on the disk: their names, their text, and the environment laid over them.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::document::{self, Draft, Node};
use super::environment::{self, Variables};
use super::mistake::{Mistake, Mistakes, NAME_CHARS_MAX};
use super::origin::ValueOrigin;
use super::secret_file;

const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads files and lays the environment over them; `keys` are the keys at the top of a file. What is wrong with one file is
/// in its draft, the rest in `mistakes`.
pub fn read_all(
    paths: &[PathBuf],
    variables: &Variables,
    keys: &[&str],
    mistakes: &mut Mistakes,
) -> Vec<Draft> {
    let mut drafts: Vec<(&PathBuf, Draft)> = Vec::new();
    for path in paths {
        let name = match name(path) {
            Ok(name) => name,
            Err(mistake) => {
                mistakes.add(mistake);
                continue;
            }
        };
        let shouted = environment::shouted(&name);
        let same = |(_, other): &&(&PathBuf, Draft)| environment::shouted(&other.name) == shouted;
        match drafts.iter().find(same) {
            Some((first, _)) => mistakes.add(Mistake::Duplicate {
                name: shouted,
                first: (*first).clone(),
                second: path.clone(),
            }),
            None => drafts.push((path, draft(path, name))),
        }
    }
    let is_complete = drafts.len() == paths.len();
    let mut drafts: Vec<Draft> = drafts.into_iter().map(|(_, draft)| draft).collect();
    // First, so that a value that a variable replaces needs none of the variables it names.
    let mut of_variables = Mistakes::default();
    environment::overlay(&mut drafts, variables, keys, &mut of_variables);
    // Without a connector, its variables would seem to name nothing.
    if is_complete {
        mistakes.append(of_variables);
    }
    for draft in &mut drafts {
        environment::substitute(&mut draft.document, "", variables, &mut draft.mistakes);
        secret_file::fill_in(&mut draft.document, "", &mut draft.mistakes);
    }
    drafts
}

fn draft(path: &Path, name: String) -> Draft {
    let mut mistakes = Mistakes::default();
    let document = match text(path) {
        Ok(text) => document::parse(path, &text, &mut mistakes),
        Err(mistake) => {
            mistakes.add(mistake);
            None
        }
    };
    Draft {
        path: path.to_path_buf(),
        name,
        is_toml: document.is_some(),
        document: document.unwrap_or_else(|| {
            Node::empty(ValueOrigin::File {
                path: path.to_path_buf(),
                line: 1,
                column: 1,
            })
        }),
        mistakes,
    }
}

/// The connector's name: the file's without its ending.
fn name(path: &Path) -> Result<String, Mistake> {
    let not = |message| Mistake::NotAConnector {
        path: path.to_path_buf(),
        message,
    };
    if path.is_dir() {
        return Err(not("it is a folder, name the files in it"));
    }
    if path.extension().is_none_or(|ending| ending != "toml") {
        return Err(not("its name does not end in .toml, rename it"));
    }
    let name = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let fits = (1..=NAME_CHARS_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits {
        Ok(name)
    } else {
        Err(Mistake::Name {
            path: path.to_path_buf(),
            name,
        })
    }
}

fn text(path: &Path) -> Result<String, Mistake> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| Mistake::Read {
            path: path.to_path_buf(),
            error,
        })?;
    let not = |message| Mistake::NotAConnector {
        path: path.to_path_buf(),
        message,
    };
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(not("it is longer than 1 MiB"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let whole = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..whole).unwrap_or_default();
        let before = String::from_utf8_lossy(before);
        let last = before.rsplit('\n').next().unwrap_or_default();
        let bad = error.as_bytes().get(whole).copied().unwrap_or_default();
        Mistake::Syntax {
            place: ValueOrigin::File {
                path: path.to_path_buf(),
                line: 1 + before.matches('\n').count(),
                column: 1 + last.chars().count(),
            },
            message: format!("byte 0x{bad:02x} is not UTF-8, save the file as such"),
        }
    })
}

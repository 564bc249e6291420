//! Whether a folder could be made and written, and what room its disk has, found out without writing.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use crate::failure::Class;
use crate::finding::Finding;

/// A folder that a connector would write to.
#[derive(Clone, Copy, Debug)]
pub struct WantedFolder<'a> {
    /// Its path; it need not be there.
    pub path: &'a Path,
    /// What it is called in findings.
    pub check: &'static str,
    /// The key of the connector's file that names it.
    pub key: &'static str,
    /// The bytes that it should have room for.
    pub bytes: u64,
}

/// What is to be said of a folder: whether it can be written, and how much room it has; blocks on the disk.
pub fn findings(folder: WantedFolder<'_>) -> Vec<Finding> {
    let WantedFolder { check, path, .. } = folder;
    let shown = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (parent, is_there) = match existing(&shown) {
        Ok(found) => found,
        Err(error) => {
            let what = format!("cannot be looked at: {error}");
            return vec![cannot(folder, &what).at(shown.display().to_string())];
        }
    };
    let at = |finding: Finding| finding.at(shown.display().to_string());
    if !parent.is_dir() {
        let what = format!("cannot be made, {} is no folder", parent.display());
        let finding = cannot(folder, &what);
        return vec![at(finding.connector(format!("{} = \"...\"", folder.key)))];
    }
    if let Err(error) = access(&parent, Access::WRITE_OK | Access::EXEC_OK) {
        let what = match is_there {
            true => format!("cannot be written ({})", io::Error::from(error)),
            false => format!(
                "cannot be made, {} cannot be written ({})",
                parent.display(),
                io::Error::from(error)
            ),
        };
        let finding = cannot(folder, &what);
        let advice = "give the user that runs rowtap write access to it, or name another folder";
        return vec![at(finding.advice(advice))];
    }
    if is_of_the_kernel(&parent) {
        let what = format!(
            "cannot be made, {} is the kernel's and holds no files",
            parent.display()
        );
        let finding = cannot(folder, &what);
        return vec![at(finding.connector(format!("{} = \"...\"", folder.key)))];
    }
    let state = match is_there {
        true => "can be written",
        false => "is not there yet, and can be made",
    };
    let mut findings = vec![at(Finding::ok(check, state))];
    match statvfs(&parent) {
        Ok(disk) => findings.push(at(room(
            folder,
            disk.f_bavail * disk.f_frsize,
            disk.f_files > 0 && disk.f_favail == 0,
        ))),
        Err(error) => {
            let what = format!("how much room its disk has: {}", io::Error::from(error));
            findings.push(at(Finding::not_checked(check, what)));
        }
    }
    findings
}

/// Whether a folder shows what the kernel knows, and takes no files, whoever asks.
#[cfg(target_os = "linux")]
fn is_of_the_kernel(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|disk| disk.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// The same; elsewhere it is not known.
#[cfg(not(target_os = "linux"))]
fn is_of_the_kernel(_folder: &Path) -> bool {
    false
}

/// Whether a path is a folder, or could become one; blocks on the disk.
pub fn is_folder(path: &Path) -> bool {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    existing(&path).is_ok_and(|(found, _)| found.is_dir())
}

/// What is to be said of the room on a disk.
fn room(folder: WantedFolder<'_>, free: u64, is_out_of_files: bool) -> Finding {
    let size = |bytes| bytesize::ByteSize::b(bytes);
    let check = folder.check;
    let advice = format!(
        "make room on its disk, or set {} to a folder on another",
        folder.key
    );
    if free == 0 || is_out_of_files {
        let what = match free {
            0 => "its disk is full",
            _ => "its disk takes no more files",
        };
        return Finding::fatal(check, Class::DiskFull, what).advice(advice);
    }
    if free < folder.bytes {
        let what = format!(
            "its disk has {} left, less than the {} that may be needed",
            size(free),
            size(folder.bytes)
        );
        return Finding::warning(check, what).advice(advice);
    }
    Finding::ok(check, format!("its disk has {} left", size(free)))
}

fn cannot(folder: WantedFolder<'_>, what: &str) -> Finding {
    Finding::fatal(folder.check, Class::CannotWrite, what)
}

/// The path, or the nearest one above it that is there, and whether it is the path itself.
fn existing(path: &Path) -> io::Result<(PathBuf, bool)> {
    for above in path.ancestors() {
        match above.try_exists() {
            Ok(true) => return Ok((above.to_owned(), above == path)),
            Ok(false) => continue,
            // A file stands where a folder should.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
            Err(error) => return Err(error),
        }
    }
    Ok((PathBuf::from("/"), false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

    fn wanted(path: &Path, bytes: u64) -> WantedFolder<'_> {
        WantedFolder {
            path,
            check: "sink_folder",
            key: "folder",
            bytes,
        }
    }

    #[test]
    fn a_folder_that_is_to_be_made_is_looked_at_where_it_will_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let found = findings(wanted(&path, 1));
        assert!(
            found.iter().all(|one| one.severity == Severity::Ok),
            "{found:?}"
        );
        assert!(!path.exists() && !dir.path().join("a").exists());
        let found = findings(wanted(&path, u64::MAX));
        assert_eq!(found[1].severity, Severity::Warning, "{found:?}");
    }

    #[test]
    fn a_file_in_the_way_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for path in [file.path().to_owned(), file.path().join("below")] {
            let found = findings(wanted(&path, 1));
            assert_eq!(found[0].class, Some(Class::CannotWrite), "{found:?}");
            assert!(found[0].what.contains("is no folder"), "{found:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_the_kernel_makes_up_takes_none() {
        let found = findings(wanted(Path::new("/proc/nope"), 1));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].class, Some(Class::CannotWrite), "{found:?}");
        assert!(found[0].what.starts_with("cannot be made"), "{found:?}");
    }

    #[test]
    fn a_full_disk_is_fatal() {
        let dir = tempfile::tempdir().unwrap();
        let folder = wanted(dir.path(), 10);
        assert_eq!(room(folder, 0, false).class, Some(Class::DiskFull));
        assert_eq!(room(folder, 5, true).class, Some(Class::DiskFull));
        assert_eq!(room(folder, 5, false).severity, Severity::Warning);
        assert_eq!(room(folder, 10, false).severity, Severity::Ok);
    }
}

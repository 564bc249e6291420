//! A disk that is soon full.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

const OWN_NAMESPACE: &str = "ROWTAP_TEST_OWN_NAMESPACE";

/// A file system of its own in a folder; gone with this value.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of so many KiB. Mounting wants root; where the test has to borrow that, it was run again in a namespace of
    /// its own by its `name`, and there is `None` to do here.
    #[track_caller]
    pub fn mount(folder: &Path, kib: u64, name: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(folder)
            .output()
            .expect("mount starts");
        if mounted.status.success() {
            return Some(Self(folder.to_owned()));
        }
        let errors = String::from_utf8_lossy(&mounted.stderr);
        assert!(std::env::var_os(OWN_NAMESPACE).is_none(), "{errors}");
        let again = Command::new("unshare")
            .args(["--map-root-user", "--mount"])
            .arg(std::env::current_exe().expect("a test has a path"))
            .args(["--exact", name])
            .env(OWN_NAMESPACE, "yes")
            .status();
        assert!(again.expect("unshare starts").success());
        None
    }

    /// Leaves no room.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("a name takes no room");
        // Its end is that there is no more room.
        let _ = io::copy(&mut io::repeat(0), &mut ballast);
    }

    /// Gives the room back that was filled.
    pub fn free(&self) {
        let _ = fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

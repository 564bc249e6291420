//! The file sink: crashes at every byte, lost data, full disks, rotation, and who may write.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rowtap::encode::Lines;
use rowtap::sink::{self, FileOptions, Sink, SinkError};
use tempfile::TempDir;

use super::contract::{self, Subject, begin, write};
use super::{checkpoint, lines, number, run};
use crate::support::SmallDisk;

struct Folder {
    parent: TempDir,
    options: &'static str,
}

impl Folder {
    fn new() -> Self {
        Self::with("")
    }

    /// With further options, as in a connector file: `, "rotate_bytes": 1000`.
    fn with(options: &'static str) -> Self {
        Self {
            parent: tempfile::tempdir().unwrap(),
            options,
        }
    }

    /// On a file system without a disk, for a test that opens the folder hundreds of times.
    fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        Self {
            parent: parent.unwrap(),
            options: "",
        }
    }

    fn path(&self) -> PathBuf {
        self.parent.path().join("out")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn resume(&self) -> Result<Option<u64>, SinkError> {
        let resume_point = run(async { self.open().resume_point().await })?;
        Ok(resume_point.map(|checkpoint| checkpoint.coordinates.position - 4))
    }

    /// Committed up to 100, then up to 200, then written on without a commit.
    fn interrupted(&self) {
        run(async {
            let mut sink = begin(self).await;
            for block in [0..100, 100..200] {
                write(self, &mut sink, block.clone()).await;
                sink.commit(&checkpoint(block.end)).await.unwrap();
            }
            write(self, &mut sink, 200..250).await;
        });
    }
}

impl Subject for Folder {
    type Sink = sink::File;
    const ONCE: bool = true;

    fn open(&self) -> sink::File {
        file_sink(&self.path(), self.options)
    }

    fn block(&self, numbers: Range<u64>) -> Lines {
        lines(numbers)
    }

    fn read(&self) -> Vec<u64> {
        committed(&self.path(), "changes-", "n")
    }
}

fn file_sink(path: &Path, options: &str) -> sink::File {
    let options = format!("{{\"folder\": {path:?}{options}}}");
    let options: FileOptions = serde_json::from_str(&options).unwrap();
    sink::File::new(options, "shop")
}

/// What a reader finds that trusts the manifest, by the program that `schemas/state.md` gives to readers.
fn committed(folder: &Path, prefix: &str, key: &str) -> Vec<u64> {
    let text = include_str!("../../schemas/state.md");
    let (_, text) = text.split_once("```python\n").unwrap();
    let (reader, _) = text.split_once("```").unwrap();
    let script = format!(
        "{reader}\n\
         import sys\n\
         folder, prefix, key = sys.argv[1:]\n\
         for name, count in sorted(committed(folder).items()):\n    \
             if name.startswith(prefix):\n        \
                 for line in open(f'{{folder}}/{{name}}', 'rb').read(count).splitlines():\n            \
                     print(json.loads(line)[key])\n"
    );
    let output = Command::new("python3")
        .args(["-c", &script])
        .args([folder.to_str().unwrap(), prefix, key])
        .output()
        .expect("python3 is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn the_contract_holds() {
    contract::holds(|_| Folder::new());
}

#[test]
fn the_contract_holds_while_files_rotate() {
    contract::holds(|_| Folder::with(", \"rotate_bytes\": 500"));
}

#[test]
fn ddl_has_files_of_its_own() {
    let folder = Folder::new();
    folder.interrupted();
    assert_eq!(committed(&folder.path(), "ddl-", "ddl"), [0, 100]);
    let changes = fs::read_to_string(folder.file("changes-00000001.jsonl")).unwrap();
    assert!(!changes.contains("ddl"));
    let manifest = fs::read_to_string(folder.file("manifest.jsonl")).unwrap();
    assert!(manifest.contains("\"rows\":200}"), "{manifest}");
}

#[test]
fn a_manifest_torn_at_any_byte_of_its_last_line_resumes_at_the_line_before() {
    let folder = Folder::in_memory();
    folder.interrupted();
    let manifest = fs::read(folder.file("manifest.jsonl")).unwrap();
    let saved = ["changes-00000001.jsonl", "ddl-00000001.jsonl"]
        .map(|name| (name, fs::read(folder.file(name)).unwrap()));
    let ends: Vec<usize> = (1..=manifest.len())
        .filter(|end| manifest[end - 1] == b'\n')
        .collect();
    let [_, before, last] = ends[..] else {
        panic!("three lines, found ends {ends:?}");
    };
    assert_eq!(last, manifest.len());
    let garbage: &[u8] = &[0, b'{', 0xff, b'}', b'\n'];
    for cut in before..=last {
        for tail in [&[][..], garbage] {
            for (name, bytes) in &saved {
                fs::write(folder.file(name), bytes).unwrap();
            }
            let torn = [&manifest[..cut], tail].concat();
            fs::write(folder.file("manifest.jsonl"), torn).unwrap();
            let whole = if cut == last { 200 } else { 100 };
            assert_eq!(folder.resume().unwrap(), Some(whole), "cut at {cut}");
            if cut % 16 == 0 || cut == last {
                assert_eq!(folder.read(), (0..whole).collect::<Vec<_>>());
            }
            let length = fs::metadata(folder.file(saved[0].0)).unwrap().len();
            let lines: u64 = (0..whole)
                .map(|n| format!("{{\"n\":{n}}}\n").len() as u64)
                .sum();
            assert_eq!(length, lines, "what was not committed is cut off");
        }
    }
}

#[test]
fn a_damaged_line_before_the_last_is_an_error() {
    let folder = Folder::new();
    folder.interrupted();
    let manifest = fs::read_to_string(folder.file("manifest.jsonl")).unwrap();
    let damaged = manifest.replacen("\\n104\\n", "\\n105\\n", 1);
    assert_ne!(manifest, damaged);
    fs::write(folder.file("manifest.jsonl"), damaged).unwrap();
    let error = folder.resume().unwrap_err();
    assert!(error.to_string().contains("line 2 is damaged"), "{error}");
    assert_eq!(error.class().exit_code(), 65);
}

#[test]
fn a_manifest_without_a_whole_line_is_an_error_and_nothing_is_removed() {
    let folder = Folder::new();
    folder.interrupted();
    for text in ["", "garbage", "{\"files\":[]}\n"] {
        fs::write(folder.file("manifest.jsonl"), text).unwrap();
        assert_eq!(folder.resume().unwrap_err().class().exit_code(), 65);
    }
    fs::remove_file(folder.file("manifest.jsonl")).unwrap();
    let error = folder.resume().unwrap_err();
    assert!(
        matches!(error, SinkError::ManifestMissing { .. }),
        "{error}"
    );
    assert!(folder.file("changes-00000001.jsonl").exists());
}

#[test]
fn data_that_somebody_else_cut_or_removed_is_an_error() {
    let folder = Folder::new();
    folder.interrupted();
    let path = folder.file("changes-00000001.jsonl");
    let bytes = fs::read(&path).unwrap();
    let recorded: usize = (0..200).map(|n| format!("{{\"n\":{n}}}\n").len()).sum();
    fs::write(&path, &bytes[..recorded - 1]).unwrap();
    let error = folder.resume().unwrap_err().to_string();
    assert!(
        error.contains(&format!("holds {} bytes though {recorded}", recorded - 1)),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    let error = folder.resume().unwrap_err();
    assert!(
        matches!(error, SinkError::DataLost { found: 0, .. }),
        "{error}"
    );
}

#[test]
fn a_file_that_no_manifest_line_names_is_removed() {
    let folder = Folder::with(", \"rotate_bytes\": 1");
    run(async {
        let mut sink = begin(&folder).await;
        write(&folder, &mut sink, 1..10).await;
        sink.commit(&checkpoint(10)).await.unwrap();
        write(&folder, &mut sink, 10..20).await;
    });
    assert!(folder.file("changes-00000002.jsonl").exists());
    fs::write(folder.file("changes-notes.jsonl"), "mine").unwrap();
    assert_eq!(folder.resume().unwrap(), Some(10));
    assert!(!folder.file("changes-00000002.jsonl").exists());
    assert!(folder.file("changes-notes.jsonl").exists());
}

#[test]
fn a_full_file_is_closed_at_the_next_commit_and_never_written_again() {
    let folder = Folder::with(", \"rotate_bytes\": 300");
    run(async {
        let mut sink = begin(&folder).await;
        assert!(!sink.write(&mut lines(1..20)).await.unwrap());
        assert!(sink.write(&mut lines(20..60)).await.unwrap(), "full");
        // A group may go on: without a commit it stays in one file.
        sink.write(&mut lines(60..90)).await.unwrap();
        assert!(!folder.file("changes-00000002.jsonl").exists());
        sink.commit(&checkpoint(90)).await.unwrap();
        let closed = fs::read(folder.file("changes-00000001.jsonl")).unwrap();
        sink.write(&mut lines(90..95)).await.unwrap();
        sink.commit(&checkpoint(95)).await.unwrap();
        let again = fs::read(folder.file("changes-00000001.jsonl")).unwrap();
        assert_eq!(closed, again);
        assert!(folder.file("changes-00000002.jsonl").exists());
    });
    assert_eq!(folder.read(), (1..95).collect::<Vec<_>>());
    let manifest = fs::read_to_string(folder.file("manifest.jsonl")).unwrap();
    assert!(manifest.contains("\"closed\":true"), "{manifest}");
}

#[test]
fn an_old_file_is_closed_though_it_is_small() {
    let folder = Folder::with(", \"rotate_interval\": \"0s\"");
    run(async {
        let mut sink = begin(&folder).await;
        for block in 0..3 {
            write(&folder, &mut sink, block * 10 + 1..block * 10 + 11).await;
            sink.commit(&checkpoint(block)).await.unwrap();
        }
    });
    assert!(folder.file("changes-00000003.jsonl").exists());
    assert_eq!(folder.read(), (1..31).collect::<Vec<_>>());
}

#[test]
fn closed_files_may_be_taken_away_and_their_numbers_stay_used() {
    let folder = Folder::with(", \"rotate_bytes\": 1");
    run(async {
        let mut sink = begin(&folder).await;
        for block in 1..4 {
            write(&folder, &mut sink, block * 10..block * 10 + 10).await;
            sink.commit(&checkpoint(block)).await.unwrap();
        }
    });
    for name in ["1", "2", "3"] {
        fs::remove_file(folder.file(&format!("changes-0000000{name}.jsonl"))).unwrap();
    }
    run(async {
        let mut sink = folder.open();
        assert_eq!(sink.resume_point().await.unwrap(), Some(checkpoint(3)));
        write(&folder, &mut sink, 40..50).await;
        sink.commit(&checkpoint(4)).await.unwrap();
    });
    let text = fs::read_to_string(folder.file("changes-00000004.jsonl")).unwrap();
    assert_eq!(text.lines().map(|line| number(line, "n")).min(), Some(40));
    assert_eq!(folder.resume().unwrap(), Some(4));
}

#[test]
fn a_second_one_on_the_folder_is_kept_out() {
    let folder = Folder::new();
    run(async {
        let _first = begin(&folder).await;
        // The lock is the process's; another one is asked for it.
        let status = Command::new("flock")
            .args(["--nonblock", "--conflict-exit-code", "9"])
            .arg(folder.file("lock"))
            .arg("true")
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(9));
    });
}

#[test]
fn another_process_on_the_folder_is_named_as_the_obstacle() {
    let folder = Folder::new();
    folder.interrupted();
    let mut holder = Command::new("flock")
        .arg(folder.file("lock"))
        .args(["sh", "-c", "echo held; cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut held = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut held).unwrap();
    fs::write(folder.file("lock"), "pid=1\n").unwrap();
    let error = folder.resume().unwrap_err();
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert!(matches!(error, SinkError::Locked { .. }), "{error}");
    assert_eq!(error.class().exit_code(), 76);
    assert_eq!(folder.resume().unwrap(), Some(200));
}

#[test]
fn folder_and_files_are_private() {
    let folder = Folder::new();
    folder.interrupted();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o700);
    for name in [
        "changes-00000001.jsonl",
        "ddl-00000001.jsonl",
        "manifest.jsonl",
        "lock",
    ] {
        assert_eq!(mode(folder.file(name)), 0o600, "{name}");
    }
}

#[test]
fn a_folder_that_cannot_be_is_one_clear_error() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below"), "/proc/rowtap".into()] {
        let mut sink = file_sink(&path, "");
        let error = run(async { sink.resume_point().await }).unwrap_err();
        assert_eq!(error.class().exit_code(), 73, "{error}");
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(!error.class().is_transient(), "{text}");
    }
}

#[test]
fn a_full_disk_tears_nothing_and_the_stream_goes_on_once_there_is_space() {
    const NAME: &str =
        "sinks::file::a_full_disk_tears_nothing_and_the_stream_goes_on_once_there_is_space";
    let folder = Folder::new();
    let mount = folder.parent.path().to_owned();
    let Some(_disk) = SmallDisk::mount(&mount, 512, NAME) else {
        return;
    };
    let ballast = mount.join("ballast");
    fs::write(&ballast, [0; 256 << 10]).unwrap();
    run(async {
        let mut sink = begin(&folder).await;
        let mut written = 0;
        let error = loop {
            match sink.write(&mut lines(written..written + 1000)).await {
                Ok(_) => written += 1000,
                Err(error) => break error,
            }
            if let Err(error) = sink.commit(&checkpoint(written)).await {
                break error;
            }
        };
        let text = error.to_string();
        assert!(text.ends_with("free space on its disk"), "{text}");
        assert!(error.class().is_transient());
        let again = sink.commit(&checkpoint(written)).await.unwrap_err();
        assert!(matches!(again, SinkError::NotOpen), "{again}");
        drop(sink);
    });
    // What is committed stays readable while the disk is full.
    let found = folder.read();
    assert!(found.len() > 1000, "{}", found.len());
    assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());

    fs::remove_file(ballast).unwrap();
    let resume = folder.resume().unwrap().unwrap();
    assert_eq!(resume, found.len() as u64);
    run(async {
        let mut sink = folder.open();
        sink.resume_point().await.unwrap();
        write(&folder, &mut sink, resume..resume + 2000).await;
        sink.commit(&checkpoint(resume + 2000)).await.unwrap();
    });
    assert_eq!(folder.read(), (0..resume + 2000).collect::<Vec<_>>());
}

#[test]
fn a_process_that_dies_between_write_and_commit_leaves_what_was_committed() {
    const FOLDER: &str = "ROWTAP_TEST_DYING_SINK";
    if let Some(path) = std::env::var_os(FOLDER) {
        run(async {
            let mut sink = file_sink(Path::new(&path), "");
            let done = sink.resume_point().await.unwrap();
            let done = done.map_or(0, |checkpoint| checkpoint.coordinates.position - 4);
            sink.commit(&checkpoint(done)).await.unwrap();
            sink.write(&mut lines(done..done + 70)).await.unwrap();
            sink.commit(&checkpoint(done + 70)).await.unwrap();
            sink.write(&mut lines(done + 70..done + 99)).await.unwrap();
            std::process::abort();
        });
    }
    let folder = Folder::new();
    let name =
        "sinks::file::a_process_that_dies_between_write_and_commit_leaves_what_was_committed";
    for round in 1..=3 {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(FOLDER, folder.path())
            .output()
            .unwrap()
            .status;
        assert_eq!(status.code(), None, "it died by a signal");
        assert_eq!(folder.resume().unwrap(), Some(round * 70));
        assert_eq!(folder.read(), (0..round * 70).collect::<Vec<_>>());
    }
}

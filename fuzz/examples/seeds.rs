//! Writes the seeds of a target into a folder: `seeds TARGET FOLDER`.

use std::path::PathBuf;
use std::{env, fs};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [target, folder] = &arguments[..] else {
        panic!("usage: seeds TARGET FOLDER");
    };
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder)?;
    for (number, seed) in rowtap_fuzz::seeds::of(target).iter().enumerate() {
        fs::write(folder.join(format!("seed-{number:04}")), seed)?;
    }
    Ok(())
}

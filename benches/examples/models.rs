//! Writes the models of the benches into a folder, one artifact each, for `shroff bench`.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use shroff_benches::{Kind, artifact};

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "models".to_owned()));
    std::fs::create_dir_all(&folder)?;
    for kind in Kind::ALL {
        let path = folder.join(kind.name()).with_extension("shroff");
        std::fs::write(&path, artifact(kind))?;
        println!("{}", path.display());
    }
    Ok(())
}

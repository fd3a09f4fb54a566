//! `conex export`: what a container sees of its image and its own files, as one archive.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::Args;
use conex_image::pack;

use super::archive::{standard_output, whole_file};
use crate::{Engine, Result};

/// Write all files of a container to an archive
#[derive(Args, Debug)]
pub(super) struct Export {
    /// A file, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "CONTAINER")]
    container: String,
}

pub(super) fn main(export: &Export, engine: &Engine) -> Result<u8> {
    let id = engine.find(&export.container)?;
    let all = |into: &mut dyn io::Write| {
        let view = engine.view_alone(&id)?;
        Ok(pack(view.root(), Path::new(""), Path::new(""), into)?)
    };
    match &export.output {
        None => all(&mut standard_output()?)?,
        Some(path) => whole_file(path, |file| all(&mut io::BufWriter::new(file)))?,
    }
    Ok(0)
}

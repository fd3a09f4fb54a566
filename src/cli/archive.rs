//! `conex save`, `load` and `import`: images to a file and from one.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use clap::Args;
use conex_image::{Limits, Named, Platform};
use rustix::{
    stdio::{stdin, stdout},
    termios::isatty,
};

use super::{changes, say::say};
use crate::{
    Engine, Failure, Result,
    image::{self, Images},
    registry::Reference,
};

/// Write images to an archive that docker and others read
#[derive(Args, Debug)]
pub(super) struct Save {
    /// A file, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

/// Read images from an archive that docker or others wrote
#[derive(Args, Debug)]
pub(super) struct Load {
    /// A file, instead of standard input
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Say nothing
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn save(save: &Save, engine: &Engine) -> Result<u8> {
    let images = Images::open(engine)?;
    let named = save.images.iter().map(|word| named(&images, word)).collect::<Result<Vec<_>>>()?;
    match &save.output {
        None => images.store.save(&named, standard_output()?)?,
        Some(path) => whole_file(path, |file| {
            let mut file = io::BufWriter::with_capacity(1 << 17, file);
            images.store.save(&named, &mut file)?;
            file.flush().map_err(|error| Failure::io(format_args!("write {}", path.display()), &error))
        })?,
    }
    Ok(0)
}

/// Where an archive goes if nobody names a file.
pub(super) fn standard_output() -> Result<impl Write> {
    if isatty(stdout()) {
        let failure = Failure::new("an archive is nothing for a terminal");
        return Err(failure.with_hint("send it to a file or a program: … > FILE, … | tar -tv"));
    }
    Ok(io::BufWriter::with_capacity(1 << 17, io::stdout().lock()))
}

/// Writes a file beside its place, so that what was there before is lost only for something whole. A device or a pipe is
/// written to as it is, and a link stays one.
pub(super) fn whole_file(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let there = fs::canonicalize(path).ok();
    let path = there.as_deref().unwrap_or(path);
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        let opened = File::options().write(true).open(path);
        return write(&mut opened.map_err(|error| Failure::io(format_args!("open {}", path.display()), &error))?);
    }
    let aside = path.with_extension(format!("part{}", std::process::id()));
    let failed = |error: io::Error| Failure::io(format_args!("write {}", path.display()), &error);
    let mut new = File::options();
    let written = new.write(true).create_new(true).mode(0o600).open(&aside).map_err(failed).and_then(|mut file| {
        write(&mut file)?;
        fs::rename(&aside, path).map_err(failed)
    });
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

/// An image with the name by which it was asked for.
fn named(images: &Images<'_>, word: &str) -> Result<Named> {
    let record = images.find(word)?;
    let name = word.parse::<Reference>().ok().map(|name| name.to_string());
    let has = images.names_of(&record)?;
    Ok(Named { names: name.into_iter().filter(|name| has.contains(name)).collect(), manifest: record.manifest })
}

pub(super) fn load(load: &Load, engine: &Engine) -> Result<u8> {
    let images = Images::open(engine)?;
    let source: Box<dyn Read> = match &load.input {
        Some(path) => open(path)?,
        None if isatty(stdin()) => {
            return Err(Failure::new("an archive is missing").with_hint("conex load -i FILE, or conex load < FILE"));
        }
        None => Box::new(io::stdin().lock()),
    };
    for Named { names, manifest } in images.store.load(source, &Limits::default())? {
        let record = images.keep(&manifest, &Platform::here(), None)?;
        for name in names.iter().map(|name| Images::reference(name)).collect::<Result<Vec<_>>>()? {
            images.name(&record, &name)?;
            if !load.quiet {
                say(&format!("Loaded image: {name}"));
            }
        }
        if names.is_empty() && !load.quiet {
            say(&format!("Loaded image ID: {}", record.id));
        }
    }
    Ok(0)
}

/// Make an image of the archive of a root
#[derive(Args, Debug)]
pub(super) struct Import {
    /// A line of a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, USER, VOLUME or WORKDIR
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// What was done
    #[arg(short, long)]
    message: Option<String>,
    /// A tar, packed or not; - is standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// What the image is called
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<String>,
}

pub(super) fn import(import: &Import, engine: &Engine) -> Result<u8> {
    let images = Images::open(engine)?;
    let changes = import.change.iter().map(|line| changes::parse(line)).collect::<Result<Vec<_>>>()?;
    let name = import.name.as_deref().map(Images::reference).transpose()?;
    let archive: Box<dyn Read> = match import.file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => open(&import.file)?,
    };
    let record = image::import(&images, archive, import.message.clone(), &changes)?;
    name.map_or(Ok(()), |name| images.name(&record, &name))?;
    say(&record.id.to_string());
    Ok(0)
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = File::open(path).map_err(|error| Failure::io(format_args!("open {}", path.display()), &error))?;
    Ok(Box::new(file))
}

//! A blob on its way into the store: hashed while it is written, and given its name only if that is right. It has none
//! before, so a process that is killed leaves nothing. See open(2), O_TMPFILE.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::fd::AsRawFd,
    path::PathBuf,
};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, linkat, openat},
    io::Errno,
};
use sha2::{Digest as _, Sha256};

use crate::{Descriptor, Digest, Error, Result, error::Doing, maker};

/// A blob that is being written. Dropped before [`Ingest::finish`], it never was.
pub struct Ingest {
    file: File,
    /// Where the file is for now, on file systems where it must have a name.
    aside: Option<Aside>,
    blobs: PathBuf,
    media_type: String,
    /// Its digest and size, where they are known.
    expected: Option<(Digest, u64)>,
    hasher: Sha256,
    written: u64,
}

/// The name of a file that goes away with it.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        // What stays is swept later: its name tells who made it.
        let _ = fs::remove_file(&self.0);
    }
}

impl Ingest {
    pub(crate) fn begin(blobs: PathBuf, media_type: String, expected: Option<(Digest, u64)>) -> Result<Self> {
        let (file, aside) = create(&blobs).doing(|| format!("make a file in {}", blobs.display()))?;
        Ok(Self { file, aside, blobs, media_type, expected, hasher: Sha256::new(), written: 0 })
    }

    /// How many bytes it has so far: where a download that broke off goes on.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Gives the blob its name, if it has all its bytes and no others. It may be there already.
    pub fn finish(self) -> Result<Descriptor> {
        let found = Digest::from_hasher(self.hasher);
        if let Some((digest, size)) = &self.expected {
            let what = format!("blob {digest}");
            if self.written != *size {
                return Err(Error::WrongSize { what, expected: *size, found: self.written });
            }
            if found != *digest {
                return Err(Error::WrongDigest { what, expected: digest.clone(), found });
            }
        }
        let place = self.blobs.join(found.hex());
        let named = match &self.aside {
            None => link(&self.file, &place),
            Some(Aside(aside)) => fs::rename(aside, &place),
        };
        named.doing(|| format!("name blob {found}"))?;
        Ok(Descriptor::new(&self.media_type, found, self.written))
    }
}

impl Write for Ingest {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if let Some((digest, expected)) = &self.expected
            && self.written + buffer.len() as u64 > *expected
        {
            let found = self.written + buffer.len() as u64;
            return Err(Error::WrongSize { what: format!("blob {digest}"), expected: *expected, found }.into());
        }
        let count = self.file.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn create(blobs: &PathBuf) -> io::Result<(File, Option<Aside>)> {
    let mode = Mode::from_raw_mode(0o644);
    match openat(CWD, blobs, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, mode) {
        // File systems without it, and kernels that know it not, which see a directory.
        Err(Errno::OPNOTSUPP | Errno::ISDIR) => create_named(blobs.join(maker::new_name()), mode),
        file => Ok((file?.into(), None)),
    }
}

fn create_named(aside: PathBuf, mode: Mode) -> io::Result<(File, Option<Aside>)> {
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(CWD, &aside, new, mode)?;
    Ok((file.into(), Some(Aside(aside))))
}

fn link(file: &File, place: &PathBuf) -> io::Result<()> {
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, own, CWD, place, AtFlags::SYMLINK_FOLLOW) {
        // A blob of this name is there. One of another length was torn by a crash of the machine.
        Err(Errno::EXIST) if fs::metadata(place)?.len() == file.metadata()?.len() => Ok(()),
        Err(Errno::EXIST) => {
            fs::remove_file(place)?;
            link(file, place)
        }
        linked => Ok(linked?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_unnamed_files_does_as_well() {
        let blobs = std::env::temp_dir().join(format!("conex-ingest-{}", std::process::id()));
        fs::create_dir_all(&blobs).expect("made");
        let begin = || {
            let (file, aside) = create_named(blobs.join(maker::new_name()), Mode::RUSR | Mode::WUSR).expect("made");
            let (hasher, expected) = (Sha256::new(), Some((Digest::of(b"content"), 7)));
            Ingest { file, aside, blobs: blobs.clone(), media_type: "t".into(), expected, hasher, written: 0 }
        };
        let count = || fs::read_dir(&blobs).expect("there").count();
        let mut wrong = begin();
        wrong.write_all(b"kontent").expect("written");
        assert_eq!(count(), 1);
        wrong.finish().expect_err("wrong");
        assert_eq!(count(), 0);
        let mut right = begin();
        right.write_all(b"content").expect("written");
        right.finish().expect("right");
        assert_eq!(fs::read(blobs.join(Digest::of(b"content").hex())).expect("there"), b"content");
        assert_eq!(count(), 1);
        fs::remove_dir_all(&blobs).expect("removed");
    }
}

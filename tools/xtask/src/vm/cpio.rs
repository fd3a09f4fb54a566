//! Archives as the kernel unpacks them into its first file system, one after another: cpio in the form called newc.
//! See the kernel's documentation, driver-api/early-userspace/buffer-format.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What a file is, above its permissions. See inode(7).
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// The name that ends an archive.
const END: &str = "TRAILER!!!";

/// An archive that is being written. All is root's. Directories are made on the way, with mode 755, once.
pub(crate) struct Archive<W> {
    to: W,
    directories: BTreeSet<PathBuf>,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to, directories: BTreeSet::new() }
    }

    pub(crate) fn directory(&mut self, path: &Path, permissions: u32) -> io::Result<()> {
        if !self.directories.insert(path.to_owned()) {
            return Ok(());
        }
        self.parent(path)?;
        self.entry(path, DIRECTORY | permissions, (0, 0), &[])
    }

    pub(crate) fn file(&mut self, path: &Path, permissions: u32, content: &[u8]) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, REGULAR | permissions, (0, 0), content)
    }

    pub(crate) fn link(&mut self, path: &Path, target: &str) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, LINK | 0o777, (0, 0), target.as_bytes())
    }

    pub(crate) fn character_device(&mut self, path: &Path, device: (u32, u32)) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, CHARACTER_DEVICE | 0o600, device, &[])
    }

    /// Ends the archive; another one may follow in the same file.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.entry(Path::new(END), 0, (0, 0), &[])?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn parent(&mut self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if parent.file_name().is_some() => self.directory(parent, 0o755),
            _ => Ok(()),
        }
    }

    /// A head of thirteen numbers, the name with its NUL, the content; name and content end at a multiple of four.
    fn entry(&mut self, path: &Path, mode: u32, device: (u32, u32), content: &[u8]) -> io::Result<()> {
        let name = path.strip_prefix("/").unwrap_or(path).as_os_str().as_encoded_bytes();
        let [size, name_size] = [content.len(), name.len() + 1].map(u32::try_from);
        let (size, name_size) = (size.map_err(io::Error::other)?, name_size.map_err(io::Error::other)?);
        // Inode, mode, owner, group, links, time, size, device of the file, device that it is, size of the name, sum.
        let head = [0, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name_size, 0];
        let head = head.iter().fold("070701".to_owned(), |head, number| format!("{head}{number:08x}"));
        self.to.write_all(&[head.as_bytes(), name, &padded(head.len() + name.len(), 1)].concat())?;
        self.to.write_all(content)?;
        self.to.write_all(&padded(content.len(), 0))
    }
}

/// At least so many NULs, so that the length becomes a multiple of four.
fn padded(length: usize, least: usize) -> Vec<u8> {
    vec![0; least + (length + least).wrapping_neg() % 4]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_its_mode_its_sizes_its_name_and_its_content_at_multiples_of_four() {
        let mut archive = Archive::new(Vec::new());
        archive.file(Path::new("/abc"), 0o755, b"hello").expect("memory can be written");
        let bytes = archive.finish().expect("memory can be written");
        let expected = "070701\
            00000000000081ed000000000000000000000001000000000000000500000000000000000000000000000000\
            0000000400000000abc\0\0\0hello\0\0\0";
        let head = String::from_utf8(bytes[..expected.len()].to_vec()).expect("text");
        assert_eq!(head, expected);
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"));
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn directories_on_the_way_come_first_and_once() {
        let mut archive = Archive::new(Vec::new());
        archive.file(Path::new("/a/b/c"), 0o644, b"").expect("memory can be written");
        archive.link(Path::new("/a/b/d"), "c").expect("memory can be written");
        let bytes = archive.finish().expect("memory can be written");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let names: Vec<&str> = text.split("070701").map(|entry| entry.get(104..).unwrap_or_default()).collect();
        let names: Vec<&str> = names.iter().map(|name| name.split('\0').next().unwrap_or_default()).collect();
        assert_eq!(names, ["", "a", "a/b", "a/b/c", "a/b/d", "TRAILER!!!"]);
    }
}

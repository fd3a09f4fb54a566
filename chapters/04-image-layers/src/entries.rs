//! The entries of a tar archive, one after the other, from a reader that can't seek: ustar, with GNU's and PAX's
//! extensions. What they mean for a file system is not decided here. See tar(5) and pax(1).

use std::{
    io::{BufRead, Write},
    path::PathBuf,
};

use rustix::fs::{Timespec, makedev};
use tar::{EntryType, Header};

use crate::{
    Error, Limits, Result,
    entry::{Entry, Extent, Kind, Metadata, name},
    error::{Doing, Limit},
    numbers::{decimal, field, time},
    pax::Pax,
    sparse,
};

const BLOCK_BYTES: u64 = 512;

/// An archive that is being read.
pub(crate) struct Entries<R> {
    source: R,
    limits: Limits,
    /// Headers seen.
    count: u64,
    /// Bytes of the entry's data that are still to come, and what fills its last block.
    left: u64,
    padding: u64,
}

/// What the headers before an entry say of it.
#[derive(Default)]
struct Said {
    path: Option<PathBuf>,
    link: Option<PathBuf>,
    pax: Pax,
}

impl<R: BufRead> Entries<R> {
    pub(crate) fn new(source: R, limits: Limits) -> Self {
        Self { source, limits, count: 0, left: 0, padding: 0 }
    }

    /// The next entry; what was not read of the one before is passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        self.copy(self.left, &mut std::io::sink())?;
        self.pad()?;
        let mut said = Said::default();
        let before = self.count;
        while let Some(header) = self.header()? {
            match header.entry_type() {
                EntryType::GNULongName => said.path = Some(name(&self.extension(&header)?)),
                EntryType::GNULongLink => said.link = Some(name(&self.extension(&header)?)),
                EntryType::XHeader => said.pax = Pax::parse(&self.extension(&header)?)?,
                // What it says of all entries nobody reads, docker neither.
                EntryType::XGlobalHeader => _ = self.extension(&header)?,
                _ => return self.entry(&header, &said).map(Some),
            }
        }
        if self.count == before { Ok(None) } else { Err(cut_off()) }
    }

    /// Copies so many bytes of the entry's data.
    pub(crate) fn copy(&mut self, length: u64, into: &mut dyn Write) -> Result<()> {
        let mut wanted = length.min(self.left);
        while wanted > 0 {
            let buffer = self.source.fill_buf().doing(|| "read the archive".into())?;
            if buffer.is_empty() {
                return Err(cut_off());
            }
            let count = buffer.len().min(usize::try_from(wanted).unwrap_or(usize::MAX));
            into.write_all(&buffer[..count]).doing(|| "write what the archive holds".into())?;
            self.source.consume(count);
            (wanted, self.left) = (wanted - count as u64, self.left - count as u64);
        }
        Ok(())
    }

    /// Reads what follows the last entry, to the very end.
    pub(crate) fn finish(mut self) -> Result<()> {
        std::io::copy(&mut self.source, &mut std::io::sink()).doing(|| "read the archive".into()).map(drop)
    }

    /// The next header, unless it is the empty one that ends the archive.
    fn header(&mut self) -> Result<Option<Header>> {
        if self.source.fill_buf().doing(|| "read the archive".into())?.is_empty() {
            return Ok(None);
        }
        let block = self.block()?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        self.count += 1;
        if self.count > self.limits.entries {
            return Err(Limit::Entries(self.limits.entries).into());
        }
        let header = Header::from_byte_slice(&block);
        // The sum is of all bytes, with blanks in its own place.
        let sum: i64 = block.iter().enumerate().map(|(at, byte)| sum_part(at, *byte)).sum();
        if field(&header.as_old().cksum)? != sum {
            return Err(Error::Archive("a header in it has a wrong sum".into()));
        }
        Ok(Some(header.clone()))
    }

    fn block(&mut self) -> Result<[u8; BLOCK_BYTES as usize]> {
        let mut block = [0; BLOCK_BYTES as usize];
        self.source.read_exact(&mut block).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof if error.get_ref().is_none_or(|inner| !inner.is::<Error>()) => cut_off(),
            _ => Error::system("read the archive", error),
        })?;
        Ok(block)
    }

    /// All data of an extended header.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>> {
        let size = size(&header.as_old().size)?;
        if size > self.limits.header_bytes {
            return Err(Limit::Header(self.limits.header_bytes).into());
        }
        self.begin(size);
        let mut bytes = Vec::new();
        self.copy(size, &mut bytes)?;
        self.pad()?;
        Ok(bytes)
    }

    /// Passes over what fills the last block.
    fn pad(&mut self) -> Result<()> {
        self.left = std::mem::take(&mut self.padding);
        self.copy(self.left, &mut std::io::sink())
    }

    fn begin(&mut self, size: u64) {
        (self.left, self.padding) = (size, size.wrapping_neg() % BLOCK_BYTES);
    }

    fn entry(&mut self, header: &Header, said: &Said) -> Result<Entry> {
        let bytes_of = |key: &str| said.pax.get(key).map(name);
        let path = bytes_of("GNU.sparse.name").or_else(|| bytes_of("path")).or_else(|| said.path.clone());
        let path = path.unwrap_or_else(|| name(&header.path_bytes()));
        let link = bytes_of("linkpath").or_else(|| said.link.clone());
        let link = link.unwrap_or_else(|| header.link_name_bytes().map_or_else(PathBuf::new, |bytes| name(&bytes)));
        if path.as_os_str().len().max(link.as_os_str().len()) > self.limits.name_bytes {
            return Err(Limit::Name(self.limits.name_bytes).into());
        }
        let kind = match header.entry_type() {
            // Archives older than ustar have no other way to say it.
            EntryType::Regular if path.as_os_str().as_encoded_bytes().ends_with(b"/") => Kind::Directory,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => self.file(header, said)?,
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink(link),
            EntryType::Link => Kind::HardLink(link),
            EntryType::Char => Kind::CharacterDevice(device(header)?),
            EntryType::Block => Kind::BlockDevice(device(header)?),
            EntryType::Fifo => Kind::Fifo,
            other => {
                let why = format!("its type is {:?}, which is unknown", char::from(other.as_byte()));
                return Err(Error::Entry { path, why });
            }
        };
        let metadata = metadata(header, &said.pax)?;
        Ok(Entry { path, kind, metadata })
    }

    fn file(&mut self, header: &Header, said: &Said) -> Result<Kind> {
        let size = said.pax.get("size").map_or_else(|| size(&header.as_old().size), decimal)?;
        let extent = if header.entry_type() == EntryType::GNUSparse {
            let mut blocks = self.limits.header_bytes / BLOCK_BYTES;
            let extent = sparse::old_gnu(header, || {
                blocks = blocks.checked_sub(1).ok_or(Limit::Header(self.limits.header_bytes))?;
                self.block()
            })?;
            self.begin(size);
            Some(extent)
        } else {
            self.begin(size);
            let mut budget = self.limits.header_bytes;
            let extent = sparse::pax(&said.pax, || self.line(&mut budget))?;
            if extent.is_some() {
                // The map fills whole blocks.
                let read = size - self.left;
                self.copy(read.wrapping_neg() % BLOCK_BYTES, &mut std::io::sink())?;
            }
            extent
        };
        let Some(extent) = extent else { return Ok(Kind::File(Extent::whole(size))) };
        sparse::check(&extent, self.left)?;
        Ok(Kind::File(extent))
    }

    /// A number that ends with a newline, from the entry's data.
    fn line(&mut self, budget: &mut u64) -> Result<u64> {
        let mut digits = Vec::new();
        loop {
            *budget = budget.checked_sub(1).ok_or(Limit::Header(self.limits.header_bytes))?;
            let before = digits.len();
            self.copy(1, &mut digits)?;
            match digits.last() {
                _ if digits.len() == before => return Err(cut_off()),
                Some(b'\n') => return decimal(&digits[..before]),
                _ => {}
            }
        }
    }
}

fn metadata(header: &Header, pax: &Pax) -> Result<Metadata> {
    let old = header.as_old();
    let id = |key: &str, bytes: &[u8]| {
        let id = pax.get(key).map_or_else(|| size(bytes), decimal)?;
        // The last one means «leave it as it is» to chown(2).
        let id = u32::try_from(id).ok().filter(|id| *id != u32::MAX);
        id.ok_or_else(|| Error::Archive(format!("an entry's {key} is none")))
    };
    let mtime = match pax.get("mtime") {
        Some(text) => time(text)?,
        None => Timespec { tv_sec: field(&old.mtime)?, tv_nsec: 0 },
    };
    let mode = (field(&old.mode)? & 0o7777) as u32;
    Ok(Metadata { mode, uid: id("uid", &old.uid)?, gid: id("gid", &old.gid)?, mtime, attributes: pax.attributes() })
}

fn device(header: &Header) -> Result<u64> {
    let numbers = header.as_ustar().map(|ustar| (ustar.dev_major, ustar.dev_minor));
    let numbers = numbers.or(header.as_gnu().map(|gnu| (gnu.dev_major, gnu.dev_minor))).unwrap_or_default();
    let number = |bytes: &[u8]| {
        u32::try_from(field(bytes)?).map_err(|_| Error::Archive("a device in it has no such number".into()))
    };
    Ok(makedev(number(&numbers.0)?, number(&numbers.1)?))
}

fn size(bytes: &[u8]) -> Result<u64> {
    u64::try_from(field(bytes)?).map_err(|_| Error::Archive("a number in it is negative".into()))
}

fn sum_part(at: usize, byte: u8) -> i64 {
    i64::from(if (148..156).contains(&at) { b' ' } else { byte })
}

fn cut_off() -> Error {
    Error::Archive("it is cut off".into())
}

//! A tar archive that is being written: the same entries give the same bytes, on every machine. What ustar can't say is
//! said by an extended header, and only that. See pax(1).

use std::{
    ffi::OsStr,
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
};

use rustix::fs::{Timespec, major, minor};
use tar::{EntryType, Header};

use crate::entry::{Entry, Kind, Metadata};

const NAME_BYTES_MAX: usize = 100;
/// What seven and eleven octal digits hold.
const ID_MAX: u32 = (1 << 21) - 1;
const NUMBER_MAX: u64 = (1 << 33) - 1;

/// An archive that grows at its end.
pub(crate) struct Archiving<W> {
    into: W,
}

impl<W: Write> Archiving<W> {
    pub(crate) fn new(into: W) -> Self {
        Self { into }
    }

    /// An entry, with data where it is a file: exactly as much as it says.
    pub(crate) fn entry(&mut self, entry: &Entry, data: &mut dyn Read) -> io::Result<()> {
        let records = records(entry);
        if !records.is_empty() {
            let metadata = Metadata { mode: 0o644, ..Metadata::implied() };
            let size = records.len() as u64;
            let mut header = header(OsStr::new("././@PaxHeader").as_bytes(), &metadata, size);
            header.set_entry_type(EntryType::XHeader);
            self.block(header)?;
            self.data(&mut records.as_slice(), size)?;
        }
        let size = size(entry);
        self.block(header_of(entry, size)?)?;
        self.data(data, size)
    }

    /// The end of the archive, and where it was written to.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.into.write_all(&[0; 1024])?;
        Ok(self.into)
    }

    fn block(&mut self, mut header: Header) -> io::Result<()> {
        header.set_cksum();
        self.into.write_all(header.as_bytes())
    }

    fn data(&mut self, data: &mut dyn Read, size: u64) -> io::Result<()> {
        let copied = io::copy(&mut crate::compression::buffered(data.take(size)), &mut self.into)?;
        if copied != size {
            return Err(io::Error::other("it became shorter while it was read"));
        }
        io::copy(&mut io::repeat(0).take(size.wrapping_neg() % 512), &mut self.into).map(drop)
    }
}

fn size(entry: &Entry) -> u64 {
    match &entry.kind {
        Kind::File(extent) => extent.length,
        _ => 0,
    }
}

fn header_of(entry: &Entry, size: u64) -> io::Result<Header> {
    let mut header = header(entry.path.as_os_str().as_bytes(), &entry.metadata, size);
    let (kind, device, link) = match &entry.kind {
        Kind::File(_) => (EntryType::Regular, None, None),
        Kind::Directory => (EntryType::Directory, None, None),
        Kind::Symlink(target) => (EntryType::Symlink, None, Some(target)),
        Kind::HardLink(other) => (EntryType::Link, None, Some(other)),
        Kind::CharacterDevice(device) => (EntryType::Char, Some(*device), None),
        Kind::BlockDevice(device) => (EntryType::Block, Some(*device), None),
        Kind::Fifo => (EntryType::Fifo, None, None),
    };
    header.set_entry_type(kind);
    if let Some(link) = link {
        put(&mut header.as_old_mut().linkname, link.as_os_str().as_bytes());
    }
    if let Some(device) = device {
        header.set_device_major(major(device))?;
        header.set_device_minor(minor(device))?;
    }
    Ok(header)
}

/// As far as its fields reach; what is beyond is in the extended header.
fn header(path: &[u8], metadata: &Metadata, size: u64) -> Header {
    let mut header = Header::new_ustar();
    put(&mut header.as_old_mut().name, path);
    header.set_mode(metadata.mode);
    header.set_uid(u64::from(metadata.uid.min(ID_MAX)));
    header.set_gid(u64::from(metadata.gid.min(ID_MAX)));
    header.set_size(size.min(NUMBER_MAX));
    header.set_mtime(u64::try_from(metadata.mtime.tv_sec).unwrap_or_default().min(NUMBER_MAX));
    header
}

fn put(field: &mut [u8; NAME_BYTES_MAX], bytes: &[u8]) {
    let length = bytes.len().min(NAME_BYTES_MAX);
    field[..length].copy_from_slice(&bytes[..length]);
}

/// What the header can't say.
fn records(entry: &Entry) -> Vec<u8> {
    let Metadata { uid, gid, mtime, attributes, .. } = &entry.metadata;
    let mut records = Vec::new();
    let mut add = |key: &[u8], value: &[u8]| records.extend(record(key, value));
    let path = entry.path.as_os_str().as_bytes();
    if path.len() > NAME_BYTES_MAX {
        add(b"path", path);
    }
    if let Kind::Symlink(link) | Kind::HardLink(link) = &entry.kind
        && link.as_os_str().len() > NAME_BYTES_MAX
    {
        add(b"linkpath", link.as_os_str().as_bytes());
    }
    let ids = [(&b"uid"[..], uid), (b"gid", gid)];
    ids.iter().filter(|(_, id)| **id > ID_MAX).for_each(|(key, id)| add(key, id.to_string().as_bytes()));
    if size(entry) > NUMBER_MAX {
        add(b"size", size(entry).to_string().as_bytes());
    }
    if mtime.tv_nsec != 0 || u64::try_from(mtime.tv_sec).map_or(true, |seconds| seconds > NUMBER_MAX) {
        add(b"mtime", time(mtime).as_bytes());
    }
    for (key, value) in attributes {
        add(&[b"SCHILY.xattr.", key.as_slice()].concat(), value);
    }
    records
}

/// `LENGTH KEY=VALUE` and a newline; the length counts its own digits, too.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let bare = key.len() + value.len() + 3;
    let mut length = bare + 1;
    while bare + length.to_string().len() != length {
        length += 1;
    }
    [format!("{length} ").as_bytes(), key, b"=", value, b"\n"].concat()
}

fn time(time: &Timespec) -> String {
    let text = match (time.tv_sec, time.tv_nsec) {
        (seconds, 0) => return seconds.to_string(),
        (seconds @ 0.., nanos) => format!("{seconds}.{nanos:09}"),
        (seconds, nanos) => format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanos),
    };
    text.trim_end_matches('0').to_owned()
}

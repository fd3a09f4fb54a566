//! The data of a file, with its holes. See lseek(2), sendfile(2).

use std::{fs::File, io};

// ANCHOR: copy-sparse
/// Copies what `from` holds to the same places of `into`, an empty file. What is a hole stays one: it takes no room.
#[doc(alias = "exercise:overlay.copy-sparse")]
pub(crate) fn copy_data(from: &File, into: &File) -> io::Result<()> {
    use rustix::{
        fs::{SeekFrom, seek, sendfile},
        io::Errno,
    };

    let length = from.metadata()?.len();
    into.set_len(length)?;
    let mut at = 0;
    while at < length {
        at = match seek(from, SeekFrom::Data(at)) {
            // Only a hole is left.
            Err(Errno::NXIO) => return Ok(()),
            start => start?,
        };
        let end = seek(from, SeekFrom::Hole(at))?;
        seek(into, SeekFrom::Start(at))?;
        while at < end {
            let left = (end - at) as usize;
            if sendfile(into, from, Some(&mut at), left)? == 0 {
                return Err(io::Error::other("it became shorter while it was copied"));
            }
        }
    }
    Ok(())
}
// ANCHOR_END: copy-sparse

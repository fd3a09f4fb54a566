//! What an overlay's upper directory says of what is gone, as an archive says it. See overlayfs.rst, "whiteouts and
//! opaque directories", and the OCI image specification, layer.md, "Whiteouts".

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::fs::Stat;

use crate::{name::Name, rights::Rights};

// ANCHOR: marks
/// The path of the mark that says in an archive what the overlay says at `path`: beside a whiteout's, or in an opaque
/// directory. Nothing for all that is simply there.
#[doc(alias = "exercise:image.marks")]
pub(crate) fn of(path: &Path, name: &Name, stat: &Stat, rights: Rights) -> io::Result<Option<PathBuf>> {
    use std::{ffi::OsString, os::unix::ffi::OsStrExt};

    use crate::{
        Error, attributes,
        name::{is_directory, is_whiteout},
    };

    let refused = |why: &str| Err(Error::Upper { path: Path::new("/").join(path), why: why.to_owned() }.into());
    if name.name.as_bytes().starts_with(b".wh.") {
        return refused("in a layer its name means that another is deleted");
    }
    if is_whiteout(stat) {
        let mut marked = OsString::from(".wh.");
        marked.push(&name.name);
        return Ok(Some(path.with_file_name(marked)));
    }
    if !is_directory(stat) {
        return Ok(None);
    }
    let key = rights.opaque();
    if attributes::value(name, key.replace("opaque", "redirect").as_bytes())?.is_some() {
        return refused("it was renamed by redirect_dir=on, which is not ours");
    }
    let is_opaque = attributes::value(name, key.as_bytes())?.is_some_and(|value| value == b"y");
    Ok(is_opaque.then(|| path.join(".wh..wh..opq")))
}
// ANCHOR_END: marks

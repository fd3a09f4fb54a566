//! What a program needs before its first line runs: its loader, its libraries, or for a script its interpreter.
//! See elf(5), ld.so(8), execve(2).

use std::{
    fs,
    path::{Path, PathBuf},
};

use goblin::elf::Elf;

use crate::failure::{Failure, Result};

/// The needs of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    /// A loader or an interpreter, by path.
    pub(super) interpreter: Option<PathBuf>,
    /// Libraries, by the name that is looked up.
    pub(super) libraries: Vec<String>,
    /// Where the file itself says that they are, before all other places.
    pub(super) runpath: Vec<PathBuf>,
    /// The machine, so that no library of another one is taken.
    pub(super) machine: Option<u16>,
}

/// Reads a file's needs; a file that is neither a program nor a script has none.
pub(super) fn needs(path: &Path) -> Result<Needs> {
    let bytes = fs::read(path).map_err(|error| Failure::io(format_args!("read {}", path.display()), &error))?;
    if let Some(rest) = bytes.strip_prefix(b"#!") {
        return Ok(Needs { interpreter: script_interpreter(rest), ..Needs::default() });
    }
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(Needs::default());
    }
    let elf = Elf::parse(&bytes).map_err(|error| Failure::new(format!("read {}: {error}", path.display())))?;
    let origin = path.parent().unwrap_or(Path::new("/")).display().to_string();
    // DT_RPATH counts only where there is no DT_RUNPATH.
    let listed = if elf.runpaths.is_empty() { &elf.rpaths } else { &elf.runpaths };
    let directories = listed.iter().flat_map(|list| list.split(':')).filter(|directory| !directory.is_empty());
    let runpath =
        directories.map(|directory| directory.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin).into());
    Ok(Needs {
        interpreter: elf.interpreter.map(PathBuf::from),
        libraries: elf.libraries.iter().map(|name| (*name).to_owned()).collect(),
        runpath: runpath.collect(),
        machine: Some(elf.header.e_machine),
    })
}

fn script_interpreter(line: &[u8]) -> Option<PathBuf> {
    let line = line.split(|byte| *byte == b'\n').next()?;
    let text = std::str::from_utf8(line).ok()?.trim();
    Some(text.split_whitespace().next()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_needs_a_loader_and_the_c_library() {
        let needs = needs(&std::env::current_exe().expect("a path")).expect("a program");
        assert!(needs.interpreter.is_some_and(|path| path.is_absolute()));
        assert!(needs.libraries.iter().any(|name| name.starts_with("libc.")), "{:?}", needs.libraries);
    }

    #[test]
    fn a_script_needs_its_interpreter() {
        assert_eq!(script_interpreter(b" /bin/sh -e\nfoo"), Some("/bin/sh".into()));
        assert_eq!(script_interpreter(b"\n"), None);
    }
}

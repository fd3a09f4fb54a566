//! Programs of this machine gathered into a root of their own, each where it lies here, with all that it needs; and the
//! few files that a root must have besides. Nothing of the machine's configuration comes along.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use super::{Made, elf, libraries::Libraries};
use crate::failure::{Failure, Result};

/// A root in the making.
pub(super) struct Programs {
    root: PathBuf,
    libraries: Libraries,
    seen: BTreeSet<PathBuf>,
    made: Made,
}

/// Where a program lies along PATH, and in the system's directories, which an ordinary user's PATH may lack.
pub(super) fn find(program: &str) -> Result<PathBuf> {
    let missing = || Failure::new(format!("this machine has no program {program:?}")).with_hint("give its path");
    if program.contains('/') {
        let path = std::path::absolute(program).map_err(|error| Failure::io("find a program", &error))?;
        return if path.is_file() { Ok(path) } else { Err(missing()) };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
    // The system's own first: what a user put in front of them is his.
    let directories = system.into_iter().chain(env::split_paths(&path));
    let executable =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    directories.map(|directory| directory.join(program)).find(executable).ok_or_else(missing)
}

/// Where a merged machine has links to /usr.
const MERGED: [&str; 5] = ["bin", "sbin", "lib", "lib32", "lib64"];
const DIRECTORIES: [(&str, u32); 14] = [
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("mnt", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr/bin", 0o755),
    ("var/tmp", 0o1777),
    ("var/log", 0o755),
];
const FILES: [(&str, &str); 8] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"),
    ("etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    (
        "etc/profile",
        "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPS1='\\u@\\h:\\w\\$ '\n",
    ),
    // Mount points: what the engine binds over them.
    ("etc/hosts", ""),
    ("etc/hostname", ""),
    ("etc/resolv.conf", ""),
    ("etc/mtab", ""),
];
/// glibc loads these by name when a program asks who somebody is; newer ones have them built in.
const BY_NAME: [&str; 2] = ["libnss_files.so.2", "libnss_dns.so.2"];
const TERMINALS: [&str; 2] = ["/usr/share/terminfo/x/xterm", "/lib/terminfo/x/xterm"];

impl Programs {
    /// An empty root, with the machine's own links to /usr.
    pub(super) fn new(root: &Path) -> Result<Self> {
        let made = Made { files: 0, bytes: 0 };
        let programs = Self { root: root.to_owned(), libraries: Libraries::of_host(), seen: BTreeSet::new(), made };
        programs.make_directory(Path::new("/usr"), 0o755)?;
        for name in MERGED {
            if let Ok(to) = fs::read_link(Path::new("/").join(name)) {
                // A link that leads to /usr/bin is as good as one that leads to usr/bin.
                let to = to.strip_prefix("/").unwrap_or(&to).to_owned();
                programs.make_directory(&Path::new("/").join(&to), 0o755)?;
                programs.link(&Path::new("/").join(name), &to)?;
            }
        }
        Ok(programs)
    }

    /// What was gathered.
    pub(super) fn made(self) -> Made {
        self.made
    }

    /// A program and everything that it needs to run.
    pub(super) fn add_program(&mut self, path: &Path) -> Result<()> {
        let real = self.add_file(path)?;
        if !self.seen.insert(real.clone()) {
            return Ok(());
        }
        let needs = elf::needs(&real)?;
        if let Some(interpreter) = &needs.interpreter {
            self.add_program(interpreter)?;
        }
        let by_name = if needs.libraries.is_empty() { &[][..] } else { &BY_NAME[..] };
        let wanted = needs.libraries.iter().map(String::as_str).chain(by_name.iter().copied());
        for name in wanted.map(str::to_owned).collect::<Vec<_>>() {
            match self.libraries.find(&name, &needs) {
                Some(library) => self.add_program(&library)?,
                // Only what is asked for by the file itself must be there.
                None if by_name.contains(&name.as_str()) => {}
                None => {
                    let message = format!("{} needs {name}, which this machine does not have", path.display());
                    return Err(Failure::new(message));
                }
            }
        }
        Ok(())
    }

    /// Directories, and the files that programs expect.
    pub(super) fn furnish(&mut self) -> Result<()> {
        for (name, mode) in DIRECTORIES {
            self.make_directory(&Path::new("/").join(name), mode)?;
        }
        for (name, text) in FILES {
            let path = self.inside(&Path::new("/").join(name));
            let written =
                fs::write(&path, text).and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o644)));
            written.map_err(|error| Failure::io(format_args!("write {}", path.display()), &error))?;
        }
        let terminal = TERMINALS.iter().map(Path::new).find(|path| path.is_file());
        terminal.map_or(Ok(()), |path| self.add_file(path).map(drop))
    }

    /// Copies the file that a path means, and makes the path lead to it; gives the file's own path.
    fn add_file(&mut self, path: &Path) -> Result<PathBuf> {
        let failed = |error: &std::io::Error| Failure::io(format_args!("copy {}", path.display()), error);
        let real = path.canonicalize().map_err(|error| failed(&error))?;
        let parent = path.parent().unwrap_or(Path::new("/")).canonicalize().map_err(|error| failed(&error))?;
        let place = parent.join(path.file_name().unwrap_or_default());
        if place != real {
            self.make_directory(&parent, 0o755)?;
            self.link(&place, &real)?;
        }
        let copy = self.inside(&real);
        if copy.symlink_metadata().is_ok() {
            return Ok(real);
        }
        self.make_directory(real.parent().unwrap_or(Path::new("/")), 0o755)?;
        self.made.bytes += fs::copy(&real, &copy).map_err(|error| failed(&error))?;
        self.made.files += 1;
        // Nothing in an image of ours gives anybody's rights to somebody else.
        let mode = fs::metadata(&real).map_err(|error| failed(&error))?.permissions().mode() & 0o755;
        fs::set_permissions(&copy, Permissions::from_mode(mode)).map_err(|error| failed(&error))?;
        Ok(real)
    }

    fn inside(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn link(&self, place: &Path, to: &Path) -> Result<()> {
        match symlink(to, self.inside(place)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(Failure::io(format_args!("link {}", place.display()), &error))
            }
            _ => Ok(()),
        }
    }

    fn make_directory(&self, path: &Path, mode: u32) -> Result<()> {
        let failed = |error: &std::io::Error| Failure::io(format_args!("make {}", path.display()), error);
        let place = self.inside(path);
        if place.is_dir() && place.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
            return Ok(());
        }
        let mut below = self.root.clone();
        let made = fs::create_dir_all(&below).and_then(|()| fs::set_permissions(&below, Permissions::from_mode(0o755)));
        made.map_err(|error| failed(&error))?;
        for name in path.components().filter(|component| matches!(component, std::path::Component::Normal(_))) {
            below.push(name);
            if !below.is_dir() {
                fs::create_dir(&below).map_err(|error| failed(&error))?;
                fs::set_permissions(&below, Permissions::from_mode(0o755)).map_err(|error| failed(&error))?;
            }
        }
        fs::set_permissions(&place, Permissions::from_mode(mode)).map_err(|error| failed(&error))
    }
}

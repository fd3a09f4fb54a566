//! Who a process is, and who may look into it: id maps, ids, groups. See user_namespaces(7), setresuid(2), prctl(2).

use std::{fmt, fs, io};

use rustix::{
    io::Errno,
    process::{DumpableBehavior, Gid, Uid, set_dumpable_behavior},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

use crate::{Equivalent, Operation};

/// Writes the uid or gid map of a process's user namespace; the kernel takes it once and whole.
pub struct WriteIdMap<'a> {
    /// The process, by the writer's count.
    pub pid: i32,
    /// `uid` or `gid`.
    pub kind: &'static str,
    /// First id inside, first id outside, how many.
    pub ranges: &'a [(u32, u32, u32)],
}

impl WriteIdMap<'_> {
    fn lines(&self) -> String {
        let lines: Vec<String> =
            self.ranges.iter().map(|(inside, outside, count)| format!("{inside} {outside} {count}")).collect();
        lines.join("\n")
    }
}

impl fmt::Display for WriteIdMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {}_map {}", self.kind, self.lines().replace('\n', ", "))
    }
}

impl Operation for WriteIdMap<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        fs::write(format!("/proc/{}/{}_map", self.pid, self.kind), self.lines())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact(format!("printf '%s' '{}' > /proc/$pid/{}_map", self.lines(), self.kind))
    }
}

/// Forbids setgroups(2) in a process's user namespace, without which a user may not write a gid map.
pub struct WriteSetgroups {
    /// The process, by the writer's count.
    pub pid: i32,
}

impl fmt::Display for WriteSetgroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write setgroups deny")
    }
}

impl Operation for WriteSetgroups {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        fs::write(format!("/proc/{}/setgroups", self.pid), "deny")
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact("printf deny > /proc/$pid/setgroups")
    }
}

/// Makes this process root of its new user namespace; until then it is nobody there.
pub struct BecomeRoot;

impl fmt::Display for BecomeRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("become uid 0, gid 0 of the user namespace")
    }
}

impl Operation for BecomeRoot {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        match set_thread_groups(&[]) {
            // A user namespace that a user made alone forbids it, also to the root that enters it.
            Ok(()) | Err(Errno::PERM) => SetIds { uid: 0, gid: 0 }.run(),
            Err(errno) => Err(errno.into()),
        }
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate("setpriv --reuid 0 --regid 0 --clear-groups sh")
    }
}

/// Hides this process from the container: nobody inside may trace it or open its files in /proc.
pub struct MayNotDump;

impl fmt::Display for MayNotDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("prctl PR_SET_DUMPABLE 0")
    }
}

impl Operation for MayNotDump {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::None("a process can only say this of itself, and exec takes it back")
    }
}

/// Sets the supplementary groups.
pub struct SetGroups<'a> {
    /// Group ids, as the container counts them.
    pub groups: &'a [u32],
}

impl fmt::Display for SetGroups<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setgroups {:?}", self.groups)
    }
}

impl Operation for SetGroups<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let groups: Vec<Gid> = self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
        Ok(set_thread_groups(&groups)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        if self.groups.is_empty() {
            return Equivalent::approximate("setpriv --clear-groups sh");
        }
        let groups: Vec<String> = self.groups.iter().map(u32::to_string).collect();
        Equivalent::approximate(format!("setpriv --groups {} sh", groups.join(",")))
    }
}

/// Sets the real, effective and saved user and group id.
pub struct SetIds {
    /// User id, as the container counts it.
    pub uid: u32,
    /// Group id, as the container counts it.
    pub gid: u32,
}

impl fmt::Display for SetIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setresgid {}, setresuid {}", self.gid, self.uid)
    }
}

impl Operation for SetIds {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        if [self.uid, self.gid].contains(&u32::MAX) {
            // To the kernel it means «leave it as it is».
            return Err(Errno::INVAL.into());
        }
        // The group first: a process that gave up uid 0 may not change it any more.
        let gid = Gid::from_raw(self.gid);
        set_thread_res_gid(gid, gid, gid)?;
        let uid = Uid::from_raw(self.uid);
        Ok(set_thread_res_uid(uid, uid, uid)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate(format!("setpriv --reuid {} --regid {} --keep-groups sh", self.uid, self.gid))
    }
}

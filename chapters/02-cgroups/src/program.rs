//! On v2 no file lists devices: a small program is asked each time. It is made here, instruction by instruction, from
//! the rules. See the kernel's bpf/standardization/instruction-set.rst and bpf_cgroup_dev_ctx in linux/bpf.h.

use conex_kernel::operations::EbpfInstruction;

use crate::{DeviceKind, DeviceRule};

/// Registers: 0 is the answer, 1 points to what is asked.
const ANSWER: u8 = 0;
const ASKED: u8 = 1;
/// The kind of device: 1 is block, 2 character.
const KIND: u8 = 2;
/// What is wanted: 1 mknod, 2 read, 4 write, added up.
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
/// For a moment.
const SCRATCH: u8 = 6;

// ANCHOR: devices
/// A program that answers 1 if some rule allows all that is wanted, and 0 otherwise.
#[doc(alias = "exercise:cgroups.devices")]
pub(crate) fn compile(rules: &[DeviceRule]) -> Vec<EbpfInstruction> {
    let mut program = prologue();
    for rule in rules {
        let mut tests = Vec::new();
        match rule.kind {
            DeviceKind::All => {}
            DeviceKind::Block => tests.push(unless(KIND, 1)),
            DeviceKind::Character => tests.push(unless(KIND, 2)),
        }
        let allowed = i32::from(rule.mknod) | i32::from(rule.read) << 1 | i32::from(rule.write) << 2;
        // What is wanted and not allowed must be nothing.
        tests.extend([copy(SCRATCH, ACCESS), and(SCRATCH, !allowed), unless(SCRATCH, 0)]);
        tests.extend(rule.major.map(|major| unless(MAJOR, major.cast_signed())));
        tests.extend(rule.minor.map(|minor| unless(MINOR, minor.cast_signed())));
        program.extend(block(tests));
    }
    program.extend([set(ANSWER, 0), exit()]);
    program
}
// ANCHOR_END: devices

/// Loads the four numbers: kind and access share the first word, in its low and its high half.
fn prologue() -> Vec<EbpfInstruction> {
    vec![
        load(KIND, ASKED, 0),
        copy(ACCESS, KIND),
        and(KIND, 0xffff),
        instruction(0x74, ACCESS, 0, 0, 16),
        load(MAJOR, ASKED, 4),
        load(MINOR, ASKED, 8),
    ]
}

/// The tests of one rule, and the answer 1 behind them; a test that fails jumps over all that is left of it.
fn block(mut tests: Vec<EbpfInstruction>) -> Vec<EbpfInstruction> {
    let answer = [set(ANSWER, 1), exit()];
    let length = tests.len() + answer.len();
    for (place, test) in tests.iter_mut().enumerate().filter(|(_, test)| test.code == JUMP_UNLESS) {
        test.offset = (length - place - 1) as i16;
    }
    tests.extend(answer);
    tests
}

/// Jumps if a register's lower half is not this number.
const JUMP_UNLESS: u8 = 0x56;

fn unless(register: u8, number: i32) -> EbpfInstruction {
    instruction(JUMP_UNLESS, register, 0, 0, number)
}

fn load(register: u8, from: u8, offset: i16) -> EbpfInstruction {
    instruction(0x61, register, from, offset, 0)
}

fn copy(to: u8, from: u8) -> EbpfInstruction {
    instruction(0xbc, to, from, 0, 0)
}

fn and(register: u8, mask: i32) -> EbpfInstruction {
    instruction(0x54, register, 0, 0, mask)
}

fn set(register: u8, number: i32) -> EbpfInstruction {
    instruction(0xb4, register, 0, 0, number)
}

fn exit() -> EbpfInstruction {
    instruction(0x95, 0, 0, 0, 0)
}

fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> EbpfInstruction {
    EbpfInstruction { code, destination, source, offset, immediate }
}

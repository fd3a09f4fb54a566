//! New inputs from old ones. A change of any byte of an archive breaks its sum or its packing, and nothing behind them is
//! ever reached: so layers are changed entry by entry, and then made whole again.

use crate::archive::{KIND, LINK, NAME, Packing, SIZE, field, new_unit, set, set_data, set_sum, units};

/// Names that meet each other, those of the layer below, marks, and ways out; one is empty.
const NAMES: &str = " a a/ a/b a/b/c b l l/x l/l . ./a /a .. a/../b ../../outside/secret /proc/self/cwd /proc/self/cwd/secret \
                     .wh.a .wh..wh..opq a/.wh.b a/.wh..wh..opq .wh..wh.plnk/x .wh.dir file link dir dir/inner dir/deep/er \
                     to-dir/inner loop/x out closed/x";
const KINDS: &[u8] = b"01234567gxLKSD\0";
/// Octal ones; one is empty, one is no number.
const OCTAL: &str = " 0000000 0000001 0000755 0007777 0001750 00000001000 77777777777 -1";
/// Those that say so by their first bit.
const BINARY: [&[u8]; 3] = [b"\x80\0\0\0\0\0\x10\0", b"\x80\0\0\0\xff\xff\xff\xfe", &[0xff; 12]];
/// The fields that hold numbers: mode, uid, gid, size, mtime, and a device's two.
const FIELDS: [(usize, usize); 7] = [(100, 8), (108, 8), (116, 8), SIZE, (136, 12), (329, 8), (337, 8)];
const KEYS: &str = "path linkpath size uid gid mtime GNU.sparse.major GNU.sparse.minor GNU.sparse.realsize GNU.sparse.size \
                    GNU.sparse.map GNU.sparse.numblocks GNU.sparse.name GNU.sparse.offset GNU.sparse.numbytes \
                    SCHILY.xattr.user.x SCHILY.xattr.security.capability SCHILY.xattr.trusted.overlay.opaque";
const VALUES: &str = " 0 1 -1.5 1.000000001 0,1 0,5,10,5 600 4294967295 4294967296 9223372036854775807 y \
                      \x01\0\0\x02\0\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// Changes some bytes, as a seed decides: for where there is no libFuzzer to ask.
pub fn blind(seed: u32) -> impl FnMut(&mut Vec<u8>) {
    let mut dice = Dice(u64::from(seed) << 32);
    move |bytes| {
        for _ in 0..=dice.below(4) {
            let (from, to) = (dice.below(bytes.len() + 1), dice.below(bytes.len() + 1));
            let range = from.min(to)..from.max(to).min(from.min(to) + 32);
            match dice.below(4) {
                0 => _ = bytes.drain(range),
                1 => bytes.extend_from_within(range),
                2 => bytes.insert(from, dice.below(256) as u8),
                _ => bytes[range.start..].iter_mut().take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
            }
        }
    }
}

/// Bytes without a meaning that a change could break.
pub(crate) fn of_bytes(bytes: &[u8], mut any: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    any(&mut changed);
    changed
}

/// A layer; a change that makes it too long is none.
pub(crate) fn of_layer(bytes: &[u8], most: usize, seed: u32, mut any: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut dice = Dice(u64::from(seed));
    if dice.one_in(8) {
        return of_bytes(bytes, any);
    }
    let mut packing = Packing::of(bytes);
    let mut content = packing.unpack(bytes);
    if dice.one_in(3) {
        any(&mut content);
    }
    let mut units = units(&content);
    for _ in 0..=dice.below(3) {
        change(&mut units, &mut dice);
    }
    if !dice.one_in(16) {
        units.iter_mut().for_each(|unit| set_sum(unit));
    }
    if dice.one_in(16) {
        packing = dice.pick(&[Packing::Plain, Packing::Gzip, Packing::Zstd]);
    }
    match packing.pack(&units.concat()) {
        Ok(packed) if packed.len() <= most => packed,
        _ => of_bytes(bytes, any),
    }
}

fn change(units: &mut Vec<Vec<u8>>, dice: &mut Dice) {
    let (at, other) = (dice.below(units.len() + 1), dice.below(units.len() + 1));
    let kind = dice.below(9);
    if kind == 0 || at >= units.len() {
        units.insert(at, entry(dice));
        return;
    }
    let last = units.len() - 1;
    let unit = &mut units[at];
    match kind {
        1 => units.insert(at, extension(dice)),
        2 => _ = units.remove(at),
        3 => {
            let copy = unit.clone();
            units.insert(other, copy);
        }
        4 => units.swap(at, other.min(last)),
        5 => set(unit, KIND, &[dice.pick(KINDS)]),
        6 => {
            let field = dice.pick(&FIELDS);
            let value = if dice.one_in(4) { dice.pick(&BINARY) } else { dice.word(OCTAL) };
            set(unit, field, value);
        }
        7 => {
            let name = name(units, dice);
            set(&mut units[at], NAME, &name);
        }
        _ => {
            let name = name(units, dice);
            set(&mut units[at], LINK, &name);
        }
    }
}

/// One that there is, or any.
fn name(units: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    match units.get(dice.below(units.len() * 2)) {
        Some(unit) => field(unit, NAME).to_vec(),
        None => dice.word(NAMES).to_vec(),
    }
}

fn entry(dice: &mut Dice) -> Vec<u8> {
    let mut unit = new_unit();
    set(&mut unit, NAME, dice.word(NAMES));
    set(&mut unit, LINK, dice.word(NAMES));
    set(&mut unit, KIND, &[dice.pick(KINDS)]);
    let data = vec![b'x'; [0, 0, 1, 600][dice.below(4)]];
    set_data(&mut unit, &data);
    unit
}

/// An extended header of one to three records.
fn extension(dice: &mut Dice) -> Vec<u8> {
    let mut records = Vec::new();
    for _ in 0..=dice.below(3) {
        let key = dice.word(KEYS);
        let value = dice.word(if key.ends_with(b"path") { NAMES } else { VALUES });
        // A record's length counts its own digits.
        let bare = key.len() + value.len() + 3;
        let length = (bare..).find(|length| bare + length.to_string().len() == *length).unwrap_or(bare);
        records.extend([length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat());
    }
    let mut unit = new_unit();
    set(&mut unit, KIND, b"x");
    set_data(&mut unit, &records);
    unit
}

/// Numbers that a seed decides. See splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn word(&mut self, words: &'static str) -> &'static [u8] {
        words.split(' ').nth(self.below(words.split(' ').count())).unwrap_or_default().as_bytes()
    }
}

//! `conex top`: the processes of a container as the host sees them, in the columns of ps(1).

use std::io::Write;

use clap::Args;
use tabwriter::TabWriter;

use super::{
    process::{Machine, Process},
    say::say,
};
use crate::{Engine, Failure, Result};

/// Show the processes of a container
#[derive(Args, Debug)]
pub(super) struct Top {
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// What ps takes: -ef, aux, -o pid,user,args
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

/// Its names, its title, and what it shows.
struct Column {
    names: &'static [&'static str],
    title: &'static str,
    shows: fn(&Process<'_>) -> String,
}

const fn column(names: &'static [&'static str], title: &'static str, shows: fn(&Process<'_>) -> String) -> Column {
    Column { names, title, shows }
}

const COLUMNS: [Column; 32] = [
    column(&["pid", "tgid"], "PID", |it| it.stat.pid.to_string()),
    column(&["ppid"], "PPID", |it| it.stat.ppid.to_string()),
    column(&["pgid", "pgrp"], "PGID", |it| it.stat.pgrp.to_string()),
    column(&["sid", "sess", "session"], "SID", |it| it.stat.session.to_string()),
    column(&["user", "euser", "uname"], "USER", |it| it.user()),
    column(&["uid", "euid"], "UID", |it| it.uid().to_string()),
    column(&["group", "egroup"], "GROUP", |it| it.group()),
    column(&["gid", "egid"], "GID", |it| it.gid().to_string()),
    column(&["comm", "ucmd", "ucomm"], "COMMAND", |it| it.name()),
    column(&["args", "command"], "COMMAND", |it| it.command()),
    column(&["cmd"], "CMD", |it| it.command()),
    column(&["stat"], "STAT", |it| it.state()),
    column(&["s", "state"], "S", |it| it.stat.state.to_string()),
    column(&["time", "cputime"], "TIME", |it| clock(it.cpu_secs())),
    column(&["bsdtime"], "TIME", |it| format!("{}:{:02}", it.cpu_secs() / 60, it.cpu_secs() % 60)),
    column(&["etime"], "ELAPSED", |it| elapsed(it.age_secs())),
    column(&["etimes"], "ELAPSED", |it| it.age_secs().to_string()),
    column(&["stime", "start_time"], "STIME", |it| it.started()),
    column(&["start", "bsdstart"], "START", |it| it.started()),
    column(&["tty"], "TTY", |it| it.terminal()),
    column(&["tt", "tname"], "TT", |it| it.terminal()),
    column(&["ni", "nice"], "NI", |it| it.stat.nice.to_string()),
    column(&["pri"], "PRI", |it| (19 - (it.stat.priority - 20)).to_string()),
    column(&["rss", "rssize", "rsz"], "RSS", |it| (it.resident_bytes() >> 10).to_string()),
    column(&["vsz", "vsize"], "VSZ", |it| (it.stat.vsize >> 10).to_string()),
    column(&["%cpu", "pcpu"], "%CPU", |it| format!("{:.1}", it.cpu_percent())),
    column(&["c", "cp"], "C", |it| format!("{:.0}", it.cpu_percent().floor().min(99.0))),
    column(&["%mem", "pmem"], "%MEM", |it| format!("{:.1}", it.memory_percent())),
    column(&["nlwp", "thcount"], "NLWP", |it| it.stat.num_threads.to_string()),
    column(&["psr"], "PSR", |it| it.stat.processor.map_or_else(|| "-".to_owned(), |it| it.to_string())),
    // What -f calls UID is a name.
    column(&["-f uid"], "UID", |it| it.user()),
    column(&["majflt", "maj_flt"], "MAJFLT", |it| it.stat.majflt.to_string()),
];

const FULL: &str = "-f uid,pid,ppid,c,stime,tty,time,cmd";
const OF_USER: &str = "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,bsdtime,args";

pub(super) fn main(top: &Top, engine: &Engine) -> Result<u8> {
    let columns = columns(&top.options)?;
    let pids = engine.processes(&engine.find(&top.container)?)?;
    let machine = Machine::read()?;
    let row =
        |process: Process<'_>| columns.iter().map(|column| (column.shows)(&process)).collect::<Vec<_>>().join("\t");
    let titles = columns.iter().map(|column| column.title).collect::<Vec<_>>().join("\t");
    let rows = pids.into_iter().filter_map(|pid| machine.process(pid)).map(row);
    // As wide as docker's.
    let mut table = TabWriter::new(Vec::new()).minwidth(17).padding(3);
    let written = std::iter::once(titles).chain(rows).try_for_each(|line| writeln!(table, "{line}"));
    written.map_err(|error| Failure::io("print a table", &error))?;
    let bytes = table.into_inner().map_err(|error| Failure::new(format!("print a table: {error}")))?;
    String::from_utf8_lossy(&bytes).lines().for_each(say);
    Ok(0)
}

/// The columns that the options of ps ask for. Which processes they ask for counts for nothing here.
fn columns(options: &[String]) -> Result<Vec<&'static Column>> {
    let words: Vec<&str> = options.iter().flat_map(|option| option.split_whitespace()).collect();
    let (mut list, mut words) = (None::<String>, words.into_iter());
    while let Some(word) = words.next() {
        let letters = word.trim_start_matches('-');
        let (selection, format) = letters.split_at(letters.find(['o', 'f', 'u']).unwrap_or(letters.len()));
        let refused = || {
            let failure = Failure::new(format!("top does not know the options {word:?} of ps"));
            failure.with_hint("-ef, aux, -o pid,ppid,user,args,… say which columns are shown")
        };
        if !is_selection(selection) {
            return Err(refused());
        }
        match format.split_at(format.len().min(1)) {
            ("o", "") => add(&mut list, words.next().ok_or_else(refused)?),
            ("o", fields) => add(&mut list, fields),
            ("f", rest) if word.starts_with('-') && is_selection(rest) => list = Some(FULL.into()),
            ("u", rest) if is_selection(rest) => list = Some(OF_USER.into()),
            ("", "") => {}
            _ => return Err(refused()),
        }
    }
    let list = list.unwrap_or_else(|| FULL.into());
    list.split(',').filter(|name| !name.is_empty()).map(find).collect()
}

fn add(list: &mut Option<String>, fields: &str) {
    *list = Some(list.take().map_or_else(|| fields.to_owned(), |before| format!("{before},{fields}")));
}

fn is_selection(letters: &str) -> bool {
    letters.chars().all(|letter| "aAdeTxw".contains(letter))
}

fn find(name: &str) -> Result<&'static Column> {
    COLUMNS.iter().find(|column| column.names.contains(&name)).ok_or_else(|| {
        let names: Vec<&str> =
            COLUMNS.iter().map(|column| column.names[0]).filter(|name| !name.contains(' ')).collect();
        Failure::new(format!("top has no column {name:?}")).with_hint(names.join(", "))
    })
}

/// `[DAYS-]HH:MM:SS`
fn clock(secs: u64) -> String {
    let rest = format!("{:02}:{:02}:{:02}", secs / 3600 % 24, secs / 60 % 60, secs % 60);
    if secs < DAY_SECS { rest } else { format!("{}-{rest}", secs / DAY_SECS) }
}

/// `[[DAYS-]HH:]MM:SS`
fn elapsed(secs: u64) -> String {
    if secs < 3600 { format!("{:02}:{:02}", secs / 60, secs % 60) } else { clock(secs) }
}

const DAY_SECS: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(options: &[&str]) -> Result<Vec<&'static str>> {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        Ok(columns(&options)?.iter().map(|column| column.title).collect())
    }

    #[test]
    fn options_of_ps_choose_the_columns() {
        let full = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
        for options in [&[][..], &["-ef"], &["-e", "-f"], &["-eww", "-f"]] {
            assert_eq!(titles(options).expect("known"), full, "{options:?}");
        }
        for options in [&["aux"][..], &["-aux"], &["axu"], &["auxww"]] {
            assert_eq!(titles(options).expect("known")[..3], ["USER", "PID", "%CPU"], "{options:?}");
        }
        for options in [&["-o", "pid,comm"][..], &["-opid,comm"], &["-eo pid,comm"], &["-o", "pid", "-o", "comm"]] {
            assert_eq!(titles(options).expect("known"), ["PID", "COMMAND"], "{options:?}");
        }
        for options in [&["-l"][..], &["-o"], &["-o", "pid,x"], &["--forest"], &["-p", "1"]] {
            assert!(titles(options).is_err(), "{options:?}");
        }
    }

    #[test]
    fn times_are_written_as_ps_writes_them() {
        assert_eq!((clock(59).as_str(), clock(90_061).as_str()), ("00:00:59", "1-01:01:01"));
        assert_eq!((elapsed(61).as_str(), elapsed(3_661).as_str()), ("01:01", "01:01:01"));
    }
}

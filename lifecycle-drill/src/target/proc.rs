//! What `/proc` says of processes: who descends from whom, what each does with a signal, and where it
//! listens.
//!
//! Nothing here fails: a process may be gone between two looks, and what another user's process holds
//! is not for everybody to read. What could not be seen is absent.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// One process of the machine, from `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// When it was started, in ticks since boot: with the id, the one process and no later one.
    pub(crate) started: u64,
    /// It has ended, and waits for its parent to take note.
    pub(crate) zombie: bool,
}

/// The masks of `/proc/PID/status`: bit 0 is signal 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Masks {
    pub(crate) blocked: u64,
    pub(crate) ignored: u64,
    pub(crate) caught: u64,
}

/// A socket that takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Listening {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

fn of(pid: i32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// All processes that can be seen; `None` where the system does not tell.
pub(crate) fn all() -> Option<Vec<Entry>> {
    let directory = std::fs::read_dir("/proc").ok()?;
    let pids = directory
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Some(pids.filter_map(entry).collect())
}

/// One process, unless it is gone.
pub(crate) fn entry(pid: i32) -> Option<Entry> {
    parse_stat(pid, &std::fs::read_to_string(of(pid).join("stat")).ok()?)
}

fn parse_stat(pid: i32, stat: &str) -> Option<Entry> {
    // The second field is the program's name in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    // The parent is the fourth field of proc(5), the start time the twenty-second.
    let started = fields.nth(22 - 4 - 1)?.parse().ok()?;
    Some(Entry {
        pid,
        parent,
        started,
        zombie,
    })
}

/// How a process ended that nobody has reaped yet, as wait(2) would tell it; `None` where it is reaped,
/// or its end is not for this one to know.
pub(crate) fn wait_status(pid: i32) -> Option<i32> {
    let open = is_open(pid);
    // Read after that: whom this shows as not yet reaped was there to be asked.
    let stat = std::fs::read_to_string(of(pid).join("stat")).ok()?;
    ended_with(pid, &stat, open)
}

/// Whether what `/proc` shows of a process that has ended is all there is to see.
///
/// The kernel puts 0 in the place of what a reader may not know, and asks for the same rights before it
/// looks for the directory, which such a process has none of any more.
fn is_open(pid: i32) -> bool {
    let directory = std::fs::read_link(of(pid).join("cwd"));
    directory.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn ended_with(pid: i32, stat: &str, open: bool) -> Option<i32> {
    if !parse_stat(pid, stat)?.zombie {
        return None;
    }
    let (_, rest) = stat.rsplit_once(')')?;
    // The last field of proc(5), the fifty-second.
    let raw = rest.split_whitespace().nth(52 - 3)?.parse().ok()?;
    (raw != 0 || open).then_some(raw)
}

/// The live processes below `root`, without it; `None` where the system does not tell.
pub(crate) fn descendants(root: i32) -> Option<Vec<Entry>> {
    Some(below(root, &all()?))
}

fn below(root: i32, all: &[Entry]) -> Vec<Entry> {
    let parents: HashMap<i32, i32> = all.iter().map(|it| (it.pid, it.parent)).collect();
    let descends = |pid: i32| {
        let mut at = pid;
        // No chain is longer than there are processes, and a list that was read while it changed may
        // hold a circle.
        for _ in 0..all.len() {
            match parents.get(&at) {
                Some(parent) if *parent == root => return true,
                Some(parent) => at = *parent,
                None => return false,
            }
        }
        false
    };
    let mut found: Vec<Entry> = all
        .iter()
        .filter(|it| !it.zombie && it.pid != root && descends(it.pid))
        .copied()
        .collect();
    found.sort_unstable_by_key(|it| it.pid);
    found
}

/// The live processes whose environment holds `NAME=VALUE`, as they were started.
pub(crate) fn with_variable(name: &str, value: &str) -> Vec<Entry> {
    let own = i32::try_from(std::process::id()).ok();
    all()
        .unwrap_or_default()
        .into_iter()
        .filter(|it| !it.zombie && Some(it.pid) != own && has_variable(it.pid, name, value))
        .collect()
}

/// Whether the process was started with `NAME=VALUE` in its environment.
pub(crate) fn has_variable(pid: i32, name: &str, value: &str) -> bool {
    let wanted = format!("{name}={value}");
    std::fs::read(of(pid).join("environ")).is_ok_and(|environ| {
        environ
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
    })
}

/// What the process does with signals; `None` when it is gone.
///
/// A signal counts as blocked when every thread blocks it, for it goes to any that does not. A thread
/// that sits in `sigwait` shows nothing as blocked meanwhile, and takes it for itself.
pub(crate) fn masks(pid: i32) -> Option<Masks> {
    let status = std::fs::read_to_string(of(pid).join("status")).ok()?;
    let mut masks = parse_masks(&status);
    let threads = std::fs::read_dir(of(pid).join("task")).ok()?;
    masks.blocked = threads
        .filter_map(Result::ok)
        .filter_map(|thread| {
            let read = |name: &str| std::fs::read_to_string(thread.path().join(name)).ok();
            match read("wchan").is_some_and(|at| at.contains("sigtimedwait")) {
                true => Some(u64::MAX),
                false => Some(parse_masks(&read("status")?).blocked),
            }
        })
        .fold(u64::MAX, |all, blocked| all & blocked);
    Some(masks)
}

fn parse_masks(status: &str) -> Masks {
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
            .unwrap_or_default()
    };
    Masks {
        blocked: mask("SigBlk:"),
        ignored: mask("SigIgn:"),
        caught: mask("SigCgt:"),
    }
}

/// Whether it is the first process of a container: its own namespace calls it 1.
pub(crate) fn is_first(pid: i32) -> bool {
    let status = std::fs::read_to_string(of(pid).join("status")).unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    ids.is_some_and(|ids| ids.split_whitespace().last() == Some("1"))
}

/// The program and its arguments, as the process was started; empty for one of the kernel's own, and
/// for one that is gone.
pub(crate) fn arguments(pid: i32) -> Vec<String> {
    let bytes = std::fs::read(of(pid).join("cmdline")).unwrap_or_default();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// Where these processes take connections, each socket once, in order.
pub(crate) fn listening(pids: &[i32]) -> Vec<Listening> {
    let all = listeners(pids);
    let all: BTreeSet<Listening> = all.into_values().flatten().collect();
    all.into_iter().collect()
}

/// The same by process; those that listen nowhere are left out.
///
/// Each is asked in its own network namespace: a process of a container listens there.
pub(crate) fn listeners(pids: &[i32]) -> HashMap<i32, Vec<Listening>> {
    // The tables of a busy machine hold every connection, so each is read once.
    let mut tables: HashMap<PathBuf, HashMap<u64, Listening>> = HashMap::new();
    let mut found = HashMap::new();
    for pid in pids {
        let held = sockets(*pid);
        let Ok(namespace) = std::fs::read_link(of(*pid).join("ns/net")) else {
            continue;
        };
        let table = tables.entry(namespace).or_insert_with(|| table(*pid));
        let at: Vec<Listening> = held
            .iter()
            .filter_map(|it| table.get(it))
            .copied()
            .collect();
        if !at.is_empty() {
            found.insert(*pid, at);
        }
    }
    found
}

/// The sockets that listen in the network namespace of a process, by their inodes.
fn table(pid: i32) -> HashMap<u64, Listening> {
    ["tcp", "tcp6"]
        .iter()
        .filter_map(|name| std::fs::File::open(of(pid).join("net").join(name)).ok())
        .flat_map(|file| {
            let lines = BufReader::new(file).lines().map_while(Result::ok);
            // Those that listen come first; what follows is every connection of the machine.
            lines.skip(1).map_while(|line| parse_socket(&line))
        })
        .collect()
}

/// The inodes of the sockets that a process holds.
fn sockets(pid: i32) -> HashSet<u64> {
    let Ok(descriptors) = std::fs::read_dir(of(pid).join("fd")) else {
        return HashSet::new();
    };
    descriptors
        .filter_map(Result::ok)
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse().ok()
        })
        .collect()
}

/// A line of `/proc/net/tcp` or `tcp6` that listens: its inode, and where.
fn parse_socket(line: &str) -> Option<(u64, Listening)> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    if fields.nth(1)? != LISTEN {
        return None;
    }
    // sl, local, remote, state, queues, timer, retransmits, uid, timeout, inode.
    let inode = fields.nth(5)?.parse().ok()?;
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Words of 32 bits in the order of this machine's bytes.
    let words: Vec<u32> = (0..address.len() / 8)
        .map(|at| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok())
        .collect::<Option<_>>()?;
    let address = match words.as_slice() {
        [word] => IpAddr::V4(Ipv4Addr::from(word.to_ne_bytes())),
        [a, b, c, d] => {
            let mut bytes = [0; 16];
            for (at, word) in [a, b, c, d].into_iter().enumerate() {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word.to_ne_bytes());
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((inode, Listening { address, port }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "77 (a) S 1 (b) Z 42 77 77 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2";
        let entry = parse_stat(77, stat).unwrap();
        assert_eq!(
            (entry.parent, entry.started, entry.zombie),
            (42, 98_765, true)
        );
        assert_eq!(parse_stat(77, "77 (sh"), None);
    }

    #[test]
    fn an_end_that_is_hidden_is_none_in_order() {
        let stat = |state: &str, code: i32| {
            let zeros = vec!["0"; 48].join(" ");
            format!("77 (x) {state} {zeros} {code}")
        };
        let told = |state, code, open| ended_with(77, &stat(state, code), open);
        assert_eq!(told("Z", 9, true), Some(9));
        assert_eq!(told("Z", 9, false), Some(9));
        assert_eq!(told("Z", 0, true), Some(0));
        assert_eq!(told("Z", 0, false), None);
        assert_eq!(told("S", 0, true), None);
    }

    #[test]
    fn who_may_not_look_at_a_process_does_not_learn_how_it_ended() {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let pid = i32::try_from(ended.id()).unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !entry(pid).unwrap().zombie {
            assert!(std::time::Instant::now() < until);
            std::thread::yield_now();
        }
        assert_eq!(wait_status(pid), Some(0));
        let as_nobody = std::thread::spawn(move || {
            let nobody = rustix::process::Uid::from_raw(65_534);
            // Of this thread alone; only who may do anything may do that.
            let became = rustix::thread::set_thread_res_uid(nobody, nobody, nobody).is_ok();
            became.then(|| (entry(pid).is_some(), wait_status(pid)))
        });
        if let Some((seen, told)) = as_nobody.join().unwrap() {
            assert!(seen);
            assert_eq!(told, None);
        }
        assert!(ended.wait().unwrap().success());
        assert_eq!(wait_status(pid), None);
    }

    #[test]
    fn descendants_are_found_at_any_depth() {
        let entry = |pid, parent, zombie| Entry {
            pid,
            parent,
            started: 1,
            zombie,
        };
        let all = [
            entry(1, 0, false),
            entry(10, 1, false),
            entry(11, 10, false),
            entry(12, 11, true),
            entry(13, 12, false),
            entry(20, 1, false),
            // Read while it changed.
            entry(30, 31, false),
            entry(31, 30, false),
        ];
        let found: Vec<i32> = below(10, &all).iter().map(|it| it.pid).collect();
        assert_eq!(found, [11, 13]);
        assert!(below(99, &all).is_empty());
    }

    #[test]
    fn masks_are_read_by_name() {
        let masks = parse_masks("Name:\tx\nSigBlk:\t0000000000004000\nSigCgt:\t0000000180000002\n");
        assert_eq!(masks.blocked, 1 << 14);
        assert_eq!(masks.ignored, 0);
        assert_eq!(masks.caught, 0x1_8000_0002);
    }

    #[test]
    fn sockets_that_listen_are_read() {
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
        assert_eq!(parse_socket(head), None);
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0";
        let (inode, at) = parse_socket(line).unwrap();
        assert_eq!((inode, at.port), (4_711, 8_080));
        if cfg!(target_endian = "little") {
            assert_eq!(at.address, IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        assert_eq!(parse_socket(&line.replace(" 0A ", " 01 ")), None);
        let six = "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0 0 10 0";
        let (inode, at) = parse_socket(six).unwrap();
        assert_eq!((inode, at.port), (12, 80));
        assert!(at.address.is_unspecified());
    }

    #[test]
    fn this_process_is_seen_as_it_is() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(!entry(own).unwrap().zombie);
        assert!(!arguments(own).is_empty());
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(listening(&[own]).iter().any(|it| it.port == port));
    }
}

//! The cells of ps's columns, as procps 4 writes them (`src/ps/output.c`).

use crate::timestamp::Timestamp;
use time::OffsetDateTime;
use vch_sandbox::proto::ProcessInfo;

/// Ticks a second (`USER_HZ`).
const TICKS: u64 = 100;

/// A process, and what is known of its machine.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(super) process: &'a ProcessInfo,
    /// How long the machine has been up.
    pub(super) uptime_ns: u64,
    /// The machine's memory in bytes.
    pub(super) memory: u64,
    /// The present.
    pub(super) now: Timestamp,
}

impl Row<'_> {
    fn worked_ticks(&self) -> u64 {
        self.process.user_ticks.saturating_add(self.process.system_ticks)
    }

    pub(super) fn worked_seconds(&self) -> u64 {
        self.worked_ticks() / TICKS
    }

    fn age_ns(&self) -> u64 {
        self.uptime_ns.saturating_sub(self.process.start_ticks.saturating_mul(1_000_000_000 / TICKS))
    }

    pub(super) fn age_seconds(&self) -> u64 {
        self.age_ns() / 1_000_000_000
    }

    /// CPU time as parts of `whole` of the time since its start.
    fn share(&self, whole: u64) -> u64 {
        let worked = u128::from(self.worked_ticks()) * u128::from(1_000_000_000 / TICKS) * u128::from(whole);
        u64::try_from(worked.checked_div(u128::from(self.age_ns())).unwrap_or(0)).unwrap_or(u64::MAX)
    }

    fn started(&self) -> OffsetDateTime {
        let nanoseconds = i128::from(self.now.0) - i128::from(self.age_ns());
        OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn today(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(self.now.0.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// A user or group.
pub(super) fn owner(id: u32) -> String {
    if id == 0 { "root".to_owned() } else { id.to_string() }
}

fn tenths(tenths: u64) -> String {
    if tenths > 999 { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

pub(super) fn busy_share(row: &Row<'_>) -> String {
    row.share(100).min(99).to_string()
}

pub(super) fn cpu_share(row: &Row<'_>) -> String {
    tenths(row.share(1000))
}

pub(super) fn memory_share(row: &Row<'_>) -> String {
    let resident = u128::from(row.process.resident_bytes) * 1000;
    let share = resident.checked_div(u128::from(row.memory)).unwrap_or(0).min(999);
    tenths(u64::try_from(share).unwrap_or(999))
}

/// Device numbers: minor in bits 0–7 and 20–31, major in bits 8–19 (proc(5)).
pub(super) fn terminal(row: &Row<'_>) -> String {
    let device = row.process.terminal;
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xf_ff00));
    match major {
        4 if minor < 64 => format!("tty{minor}"),
        4 => format!("ttyS{}", minor - 64),
        5 if minor == 1 => "console".to_owned(),
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        229 => format!("hvc{minor}"),
        _ => "?".to_owned(),
    }
}

pub(super) fn full_state(row: &Row<'_>) -> String {
    let process = row.process;
    let mut state = process.state.to_string();
    let mut add = |holds: bool, letter| {
        if holds {
            state.push(letter);
        }
    };
    add(process.nice < 0, '<');
    add(process.nice > 0, 'N');
    add(process.locked, 'L');
    add(process.session == process.pid, 's');
    add(process.threads > 1, 'l');
    add(process.foreground > 0 && process.foreground.unsigned_abs() == process.group, '+');
    state
}

/// `PF_FORKNOEXEC` and `PF_SUPERPRIV`, as sum.
pub(super) fn flags(row: &Row<'_>) -> String {
    format!("{:x}", (row.process.flags >> 6) & 7)
}

pub(super) fn waits_in(row: &Row<'_>) -> String {
    let name: String = row.process.waits_in.chars().filter(char::is_ascii_graphic).take(6).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

/// `[days-]hh:mm:ss`.
pub(super) fn time(row: &Row<'_>) -> String {
    let seconds = row.worked_seconds();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let clock = format!("{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    if days > 0 { format!("{days}-{clock}") } else { clock }
}

/// `minutes:ss`.
pub(super) fn bsd_time(row: &Row<'_>) -> String {
    let seconds = row.worked_seconds();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `[[days-]hh:]mm:ss`.
pub(super) fn elapsed(row: &Row<'_>) -> String {
    let seconds = row.age_seconds();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let clock = format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => clock,
        (0, hours) => format!("{hours:02}:{clock}"),
        (days, hours) => format!("{days}-{hours:02}:{clock}"),
    }
}

fn month(at: OffsetDateTime) -> &'static str {
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        [usize::from(u8::from(at.month()) - 1)]
}

/// The time for today, the day for this year, else the year.
pub(super) fn day_or_time(row: &Row<'_>) -> String {
    let (at, now) = (row.started(), row.today());
    if at.year() != now.year() {
        at.year().to_string()
    } else if at.ordinal() != now.ordinal() {
        format!("{}{:02}", month(at), at.day())
    } else {
        format!("{:02}:{:02}", at.hour(), at.minute())
    }
}

pub(super) fn bsd_start(row: &Row<'_>) -> String {
    let at = row.started();
    if row.age_seconds() > 86_400 {
        format!("{}{:02}", month(at), at.day())
    } else {
        format!("{:02}:{:02}", at.hour(), at.minute())
    }
}

pub(super) fn start(row: &Row<'_>) -> String {
    let at = row.started();
    if row.age_seconds() > 86_400 {
        format!("{} {:02}", month(at), at.day())
    } else {
        format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
    }
}

pub(super) fn long_start(row: &Row<'_>) -> String {
    let at = row.started();
    let weekday =
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][usize::from(at.weekday().number_days_from_monday())];
    let clock = format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second());
    format!("{weekday} {} {:2} {clock} {}", month(at), at.day(), at.year())
}

/// What a terminal or a table could stumble over becomes `?`.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '\u{fffd}' { '?' } else { c }).collect()
}

pub(super) fn name(row: &Row<'_>) -> String {
    let name = plain(&row.process.name);
    if row.process.state == 'Z' { format!("{name} <defunct>") } else { name }
}

pub(super) fn command(row: &Row<'_>) -> String {
    let process = row.process;
    if process.arguments.is_empty() {
        let name = format!("[{}]", plain(&process.name));
        return if process.state == 'Z' { format!("{name} <defunct>") } else { name };
    }
    let words: Vec<String> = process.arguments.trim_end_matches('\0').split('\0').map(plain).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(write: fn(&Row<'_>) -> String, change: impl FnOnce(&mut ProcessInfo)) -> String {
        let mut process = ProcessInfo { pid: 5, state: 'R', threads: 1, foreground: -1, ..ProcessInfo::default() };
        change(&mut process);
        // Up for 100 days on 2023-11-14T22:13:20Z.
        let now = Timestamp(1_700_000_000_000_000_000);
        write(&Row { process: &process, uptime_ns: 8_640_000_000_000_000, memory: 1 << 30, now })
    }

    #[test]
    fn times_are_written_as_ps_writes_them() {
        let day = 8_640_000;
        assert_eq!(cell(time, |p| p.user_ticks = day + 366_100), "1-01:01:01");
        assert_eq!(cell(bsd_time, |p| p.user_ticks = 366_100), "61:01");
        assert_eq!(cell(elapsed, |p| p.start_ticks = 98 * day), "2-00:00:00");
        assert_eq!(cell(day_or_time, |p| p.start_ticks = 98 * day), "Nov12");
        assert_eq!(cell(bsd_start, |p| p.start_ticks = 100 * day - 6000), "22:12");
        assert_eq!(cell(start, |p| p.start_ticks = 98 * day), "Nov 12");
        assert_eq!(cell(long_start, |p| p.start_ticks = 91 * day), "Sun Nov  5 22:13:20 2023");
    }

    #[test]
    fn states_and_terminals_are_written_as_ps_writes_them() {
        assert_eq!(cell(full_state, |p| (p.nice, p.session, p.threads) = (5, 5, 2)), "RNsl");
        assert_eq!(cell(full_state, |p| (p.foreground, p.group, p.locked) = (5, 5, true)), "RL+");
        assert_eq!(cell(terminal, |p| p.terminal = 136 << 8 | 3), "pts/3");
        assert_eq!(cell(terminal, |_| ()), "?");
    }

    #[test]
    fn what_a_process_calls_itself_cannot_draw_on_a_terminal() {
        assert_eq!(cell(command, |p| p.arguments = "a\x1b[2J\0b c\0".into()), "a?[2J b c");
        assert_eq!(cell(name, |p| p.name = "x\ny".into()), "x?y");
        assert_eq!(cell(waits_in, |p| p.waits_in = "\x1b[2J".into()), "[2J");
    }

    #[test]
    fn odd_numbers_overflow_nothing() {
        let odd = |p: &mut ProcessInfo| {
            (p.user_ticks, p.system_ticks, p.start_ticks) = (u64::MAX, u64::MAX, u64::MAX);
            (p.resident_bytes, p.priority) = (u64::MAX, i32::MIN);
        };
        for write in [time, bsd_time, elapsed, cpu_share, busy_share, memory_share, day_or_time, long_start] {
            cell(write, odd);
        }
    }
}

//! `docker top`: what ps(1) would print of a container's processes.
//!
//! dockerd runs the host's ps and cuts its output into cells. Here the processes are the guest's, so the engine does
//! ps's part: `arguments` reads ps's options, `columns` knows its columns, `cells` writes them as procps 4 does.
//! Differences, all for want of a host's view: process IDs are the guest's; users and groups are shown by number, but 0
//! as `root` (dockerd shows the names that the *host* has for them); times are in UTC; a cell with blanks in it stays
//! one. Options that choose, sort or draw are refused by name.

mod arguments;
mod cells;
mod columns;

pub(crate) use arguments::parse;

use crate::error::{Error, Result};
use crate::timestamp::Timestamp;
use cells::Row;
use columns::Column;
use vch_sandbox::proto::Processes;

/// Titles, and a row of cells for each process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessTable {
    /// A title for each column.
    pub titles: Vec<String>,
    /// The processes, by rising process ID.
    pub processes: Vec<Vec<String>>,
}

/// Fills the table. `now` is the present.
///
/// # Errors
/// No column is titled PID: dockerd needs one, so clients never saw a table without.
pub(crate) fn table(columns: &[Column], processes: &Processes, now: Timestamp) -> Result<ProcessTable> {
    let titles: Vec<String> = columns.iter().map(|column| column.title.clone()).collect();
    if !titles.iter().any(|title| title == "PID") {
        return Err(Error::system("Couldn't find PID field in ps output"));
    }
    let row = |process| {
        let row = Row { process, uptime_ns: processes.uptime_ns, memory: processes.machine_memory, now };
        columns.iter().map(|column| (column.cell)(&row)).collect()
    };
    Ok(ProcessTable { titles, processes: processes.processes.iter().map(row).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vch_sandbox::proto::ProcessInfo;

    fn processes() -> Processes {
        let one = ProcessInfo {
            pid: 7,
            parent: 1,
            group: 7,
            session: 7,
            state: 'S',
            user_ticks: 500,
            system_ticks: 100,
            priority: 20,
            threads: 1,
            start_ticks: 4_000,
            virtual_bytes: 2_322_432,
            resident_bytes: 1_556_480,
            flags: 0x0040_0100,
            waits_in: "do_wait".into(),
            name: "sh".into(),
            arguments: "sh\0-c\0sleep 1000\0".into(),
            ..ProcessInfo::default()
        };
        let two = ProcessInfo { pid: 9, state: 'Z', name: "gone".into(), users: [1000; 4], ..ProcessInfo::default() };
        Processes { processes: vec![one, two], more: false, uptime_ns: 100_000_000_000, machine_memory: 256 << 20 }
    }

    fn shown(arguments: &str) -> ProcessTable {
        // 2023-11-14T22:13:20Z
        table(&parse(arguments).unwrap(), &processes(), Timestamp(1_700_000_000_000_000_000)).unwrap()
    }

    #[test]
    fn the_usual_forms_are_as_ps_prints_them() {
        let full = shown("-ef");
        assert_eq!(full.titles, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
        assert_eq!(full.processes[0], ["root", "7", "1", "10", "22:12", "?", "00:00:06", "sh -c sleep 1000"]);
        assert_eq!(full.processes[1][7], "[gone] <defunct>");
        let bsd = shown("aux");
        assert_eq!(
            bsd.titles,
            ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]
        );
        let expected = ["root", "7", "10.0", "0.5", "2268", "1520", "?", "Ss", "22:12", "0:06", "sh -c sleep 1000"];
        assert_eq!(bsd.processes[0], expected);
        assert_eq!(shown("-eo pid,comm=NAME").titles, ["PID", "NAME"]);
        let long = shown("-el");
        let expected =
            ["4", "S", "0", "7", "1", "10", "80", "0", "-", "567", "do_wai", "?", "00:00:06", "sh"].map(String::from);
        assert_eq!(long.processes[0], expected);
        assert_eq!(shown("-aux"), shown("aux"));
        assert_eq!(shown("axo pid,args").processes[0], ["7", "sh -c sleep 1000"]);
        assert_eq!(shown("-o user,pid -o etime").processes[1][..2], ["1000".to_owned(), "9".to_owned()]);
    }

    #[test]
    fn a_table_without_pid_is_refused_in_dockerds_words() {
        let columns = parse("-eo comm").unwrap();
        let error = table(&columns, &processes(), Timestamp(0)).unwrap_err();
        assert_eq!(error.message, "Couldn't find PID field in ps output");
    }
}

//! Containers by the API, a file a topic.

mod archive;
mod attach;
mod attach_ws;
mod changes;
mod create;
mod detach;
mod events;
mod exec;
mod export;
mod health;
mod inspect;
mod joined;
mod kill;
mod list;
mod list_filters;
mod log_drivers;
mod logs;
mod pause;
mod prune;
mod remove;
mod rename;
mod start;
mod stats;
mod stop;
mod top;
mod tty;
mod update;
mod wait;

use vch_compat_tests::prelude::*;

pub(crate) fn tests() -> Vec<Test> {
    [
        archive::tests(),
        attach::tests(),
        changes::tests(),
        attach_ws::tests(),
        create::tests(),
        detach::tests(),
        events::tests(),
        exec::tests(),
        health::tests(),
        export::tests(),
        inspect::tests(),
        joined::tests(),
        kill::tests(),
        list::tests(),
        list_filters::tests(),
        log_drivers::tests(),
        logs::tests(),
        pause::tests(),
        prune::tests(),
        remove::tests(),
        rename::tests(),
        start::tests(),
        stats::tests(),
        stop::tests(),
        top::tests(),
        tty::tests(),
        update::tests(),
        wait::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

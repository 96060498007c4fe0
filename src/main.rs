//! vch, a Virtual Container Host: one daemon that speaks the Docker Engine API and gives every container a microVM of its
//! own. This is the program: the command line, the settings, the sockets and the signals; what Docker means stands in
//! `vch-engine`, HTTP in `vch-api`.

mod bench;
mod cli;
mod config;
mod doctor;
mod error;
mod guest;
mod listen;
mod lock;
mod log;
mod pidfile;
mod serve;
mod signals;

use clap::Parser;
use cli::{Bench, Cli, Command, Guest};
use config::{Config, Surroundings};
use error::Error;
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            // Where standard error is closed, nobody is there to be told.
            let _ = writeln!(std::io::stderr(), "vch: {}", causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::io("start the threads that do the work"))?;
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Serve(settings) => serve::run(&settings, load(&settings)?).await,
            Command::Doctor(doctor) => {
                let well = doctor::run(&load(&doctor.settings)?, doctor.json, doctor.recheck).await?;
                Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
            }
            Command::Guest(Guest::Build(settings)) => guest::build(&load(&settings)?).await.map(|()| ExitCode::SUCCESS),
            Command::Bench(Bench::Clone(bench)) => {
                let config = load(&bench.settings)?;
                bench::clone(&config, bench.runs, bench.json).await.map(|()| ExitCode::SUCCESS)
            }
        }
    });
    // What still runs is of no use to anybody now, and must not hold the process up.
    runtime.shutdown_background();
    outcome
}

/// The valid settings of a command.
fn load(settings: &cli::Settings) -> Result<Config, Error> {
    settings.tls.refuse()?;
    Ok(config::load(&settings.raw, settings.config_file.as_deref(), &Surroundings::of_this_process())?)
}

/// Tells a person who waits what is being done. On standard error, since standard output may be for a program.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// An error and its causes, on one line.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    vch_engine::error::causes(error)
}

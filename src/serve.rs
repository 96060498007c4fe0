//! `vch serve`: takes the data root, opens the sockets, opens the engine, and serves until a signal asks to end.
//!
//! ```text
//! settings ─ lock of the data root ─ pidfile ─ sockets ─ engine (guest, accelerator, template) ─ API … signal
//!                                                                                                  │
//!            exit ◄─ pidfile and sockets removed ◄─ engine shut down ◄─ no new requests ◄──────────┘
//! ```
//! The sockets come before the engine: a taken address is known at once, and a client that comes early waits, as with
//! dockerd.

use crate::{
    cli,
    config::{self, Accel, Config, Surroundings},
    error::Error,
    listen::{self, Opened},
    lock::DataRoot,
    log,
    pidfile::Pidfile,
    signals::{Asked, Signals},
};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::{future::Future, path::PathBuf, pin::pin, process::ExitCode, sync::Arc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vch_api::{Api, Options};
use vch_engine::{
    Engine,
    settings::{AccelChoice, Settings},
};

/// Runs the daemon to its end.
pub(crate) async fn run(given: &cli::Settings, config: Config) -> Result<ExitCode, Error> {
    let dial = log::set_up(config.level);
    let mut signals = Signals::take()?;
    raise_descriptor_limit();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "Starting up");
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let root = DataRoot::take(&config.data_root)?;
    let _pidfile = config.pidfile.as_deref().map(Pidfile::write).transpose()?;
    let mut opened = listen::open(&config.hosts, config.group.as_deref()).await?;

    let settings = settings(&config, root.path.clone());
    let opening = Engine::open(settings, |line| tracing::info!("{line}"));
    let (engine, asked) = match until_second_signal(opening, &mut signals, false).await {
        Ended::Done(engine, asked) => (engine?, asked),
        Ended::AtOnce => return Ok(ExitCode::FAILURE),
    };
    for warning in engine.info().await.warnings {
        tracing::warn!("{}", warning.trim_start_matches("WARNING: "));
    }
    let serving = match asked {
        true => JoinSet::new(),
        false => {
            tracing::info!("Daemon has completed initialization");
            serve(&engine, &mut opened, given, &config, &mut signals, &dial).await
        }
    };
    // Together: streams of events and logs end when the engine does.
    let ending = async { tokio::join!(engine.shutdown(), serving.join_all()) };
    match until_second_signal(ending, &mut signals, true).await {
        Ended::Done(..) => {
            tracing::info!("Daemon shutdown complete");
            Ok(ExitCode::SUCCESS)
        }
        Ended::AtOnce => Ok(ExitCode::FAILURE),
    }
}

/// Serves until a signal asks to end. What is returned are the requests still under way.
async fn serve(
    engine: &Engine,
    opened: &mut Opened,
    given: &cli::Settings,
    config: &Config,
    signals: &mut Signals,
    dial: &log::Dial,
) -> JoinSet<()> {
    let api = Arc::new(Api::new(engine.clone(), options()));
    let stop = CancellationToken::new();
    let mut serving = JoinSet::new();
    for listener in std::mem::take(&mut opened.listeners) {
        serving.spawn(vch_api::serve(api.clone(), listener, stop.clone()));
    }
    let mut current = config.clone();
    loop {
        match signals.next().await {
            Asked::Reload => reload(given, &mut current, dial),
            Asked::End(name) => {
                tracing::info!("Processing signal '{name}'");
                break;
            }
        }
    }
    opened.remove_sockets();
    stop.cancel();
    serving
}

/// Reads the settings again. The log's level follows at once; what else changed waits for the next start.
fn reload(given: &cli::Settings, current: &mut Config, dial: &log::Dial) {
    let file = current.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
    tracing::info!("Got signal to reload configuration, reloading from: {file}");
    match config::load(&given.raw, given.config_file.as_deref(), &Surroundings::of_this_process()) {
        Err(error) => tracing::error!("{}", crate::causes(&error)),
        Ok(new) => {
            dial.turn(new.level);
            current.level = new.level;
            if new != *current {
                tracing::warn!("only the log's level was taken over: start the daemon again for the other settings");
            }
        }
    }
}

/// How something ended that a signal may cut short.
enum Ended<T> {
    /// By itself; and whether a signal asked to end meanwhile.
    Done(T, bool),
    /// By the signal that was one too many.
    AtOnce,
}

/// Lets `work` come to its end: the first signal is noted, the second ends it. `asked`: one came before.
async fn until_second_signal<T>(work: impl Future<Output = T>, signals: &mut Signals, mut asked: bool) -> Ended<T> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ended::Done(done, asked),
            name = signals.end() => {
                tracing::info!("Processing signal '{name}'");
                if asked {
                    tracing::warn!("ending at once: machines that run are left for the next start to find");
                    return Ended::AtOnce;
                }
                asked = true;
                tracing::info!("ending as soon as the start is through; the same signal again ends it at once");
            }
        }
    }
}

/// The engine's settings.
pub(crate) fn settings(config: &Config, data_root: PathBuf) -> Settings {
    Settings {
        data_root,
        accel: match config.accel {
            Accel::Auto => AccelChoice::Auto,
            Accel::Kvm => AccelChoice::Kvm,
            Accel::Tcg => AccelChoice::Tcg,
        },
        qemu: config.qemu.clone(),
        kernel: config.kernel.clone(),
        initrd: config.initrd.clone(),
        agent: config.agent.clone(),
        vm_memory_mib: config.vm_memory_mib,
        vm_cpus: config.vm_cpus,
        pool: config.pool,
        insecure_registries: config.insecure_registries.clone(),
        registry_mirrors: config.registry_mirrors.clone(),
        log: config.log.clone(),
        scratch_size: config.scratch_mib << 20,
    }
}

/// What `docker version` shows; `scripts/build` gives the commit and its time to the compiler.
fn options() -> Options {
    Options {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("VCH_COMMIT").unwrap_or_default().to_owned(),
        build_time: option_env!("VCH_BUILD_TIME").unwrap_or_default().to_owned(),
        ..Options::default()
    }
}

/// Every machine and every client takes a few descriptors, and the usual soft limit is 1024.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
}

//! `Config`, and the body of an exec's create.

use super::{clean_path, console_size};
use crate::error::{ApiError, Result};
use crate::version::Version;
use crate::wire::config::{Config, Healthcheck as WireCheck};
use crate::wire::exec::ExecOptions;
use vch_engine::container::spec::{ContainerSpec, Healthcheck};
use vch_engine::container::view::ExecSpec;

/// Shortest duration in a health check, in nanoseconds (moby `container.MinimumDuration`).
const SHORTEST: i64 = 1_000_000;

/// Everything but `HostConfig` (moby `validateContainerConfig`).
///
/// # Errors
/// 400 in dockerd's words.
pub(super) fn config(config: &Config) -> Result<ContainerSpec> {
    let env = config.env.clone().unwrap_or_default();
    if let Some(nameless) = env.iter().find(|variable| variable.is_empty() || variable.starts_with('=')) {
        return Err(ApiError::invalid(format!("invalid environment variable: {nameless}")));
    }
    if !config.stop_signal.is_empty() {
        vch_engine::parse_signal(&config.stop_signal)?;
    }
    Ok(ContainerSpec {
        image: config.image.clone(),
        hostname: config.hostname.clone(),
        domainname: config.domainname.clone(),
        user: config.user.clone(),
        attach_stdin: config.attach_stdin,
        attach_stdout: config.attach_stdout,
        attach_stderr: config.attach_stderr,
        tty: config.tty,
        open_stdin: config.open_stdin,
        stdin_once: config.stdin_once,
        env,
        cmd: config.cmd.clone().map(|words| words.0),
        entrypoint: config.entrypoint.clone().map(|words| words.0),
        working_dir: working_dir(&config.working_dir)?,
        labels: config.labels.clone(),
        exposed_ports: config.exposed_ports.keys().cloned().collect(),
        volumes: config.volumes.iter().flatten().map(|(path, _)| path.clone()).collect(),
        stop_signal: Some(config.stop_signal.clone()).filter(|signal| !signal.is_empty()),
        stop_timeout: config.stop_timeout,
        healthcheck: config.healthcheck.as_ref().map(healthcheck).transpose()?,
        shell: config.shell.clone().map(|words| words.0),
        on_build: config.on_build.clone().unwrap_or_default(),
        args_escaped: config.args_escaped,
        network_disabled: config.network_disabled,
        ..ContainerSpec::default()
    })
}

fn working_dir(path: &str) -> Result<String> {
    match path {
        "" => Ok(String::new()),
        absolute if absolute.starts_with('/') => Ok(clean_path(absolute)),
        _ => Err(ApiError::invalid(format!(
            "the working directory '{path}' is invalid, it needs to be an absolute path"
        ))),
    }
}

fn healthcheck(check: &WireCheck) -> Result<Healthcheck> {
    for (name, duration) in [
        ("Interval", check.interval),
        ("Timeout", check.timeout),
        ("StartPeriod", check.start_period),
        ("StartInterval", check.start_interval),
    ] {
        if duration != 0 && duration < SHORTEST {
            return Err(ApiError::invalid(format!("{name} in Healthcheck cannot be less than 1ms")));
        }
    }
    if check.retries < 0 {
        return Err(ApiError::invalid("Retries in Healthcheck cannot be negative"));
    }
    Ok(Healthcheck {
        test: check.test.clone(),
        interval: check.interval,
        timeout: check.timeout,
        start_period: check.start_period,
        start_interval: check.start_interval,
        retries: check.retries,
    })
}

/// An exec's process.
///
/// # Errors
/// It has no command: 400 in dockerd's words.
pub(crate) fn exec(options: ExecOptions, version: Version) -> Result<ExecSpec> {
    if options.cmd.is_empty() {
        return Err(ApiError::invalid("No exec command specified"));
    }
    Ok(ExecSpec {
        cmd: options.cmd,
        env: options.env,
        user: options.user,
        working_dir: options.working_dir,
        tty: options.tty,
        privileged: options.privileged,
        attach_stdin: options.attach_stdin,
        attach_stdout: options.attach_stdout,
        attach_stderr: options.attach_stderr,
        detach_keys: options.detach_keys,
        console_size: console_size(options.console_size.filter(|_| version.since(42))),
    })
}

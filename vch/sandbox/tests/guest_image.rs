//! The guest image as users get it: the distribution's kernel package fetched and unpacked, the real agent, booted.
//!
//! Needs qemu-system-x86, package lists (`apt-get update`) or a kernel package put into the folder by hand, and the
//! agent as `scripts/build` makes it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where something fails, and says what takes long"
)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vch_agent_proto::{Decoder, Failure, Frame, Hello, Kind, PORT_NAME, Reply, Request, VERSION};
use vch_hypervisor::{Accel, Boot, Hypervisor, Machine, MachineSpec, Memory, Sharing, qemu::Qemu};
use vch_sandbox::guest::{GuestImage, Sources, build, command_line};

const SOON: Duration = Duration::from_secs(120);

/// Kept between runs, so that the package is fetched once.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest")
}

/// The agent that `VCH_AGENT` names, or the one that the build left.
fn agent() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let built = target.join("agent/x86_64-unknown-linux-gnu/agent/vch-agent");
    std::env::var_os("VCH_AGENT").map_or(built, PathBuf::from)
}

fn image() -> GuestImage {
    let sources = Sources { agent: Some(agent()), ..Sources::default() };
    build(&folder(), &sources, &|line| println!("{line}")).expect("a guest image")
}

fn spec(root: &Path, name: &str, boot: Boot, sharing: Sharing) -> MachineSpec {
    let directory = root.join(name);
    std::fs::create_dir_all(&directory).unwrap();
    MachineSpec {
        name: name.to_owned(),
        accel: Accel::Tcg,
        cpu: "Nehalem".to_owned(),
        vcpus: 1,
        memory: Memory { file: root.join("memory"), mib: 1024, sharing },
        boot,
        agent_port: PORT_NAME,
        directory,
        nic: None,
    }
}

/// What the agent says of itself; its console in the panic if it does not.
async fn hello(machine: &Arc<dyn Machine>) -> Hello {
    let ask = async {
        let mut port = machine.agent().await.unwrap();
        let mut bytes = Vec::new();
        Frame::control(Kind::Request, 1, &Request::Hello { version: VERSION }).unwrap().encode_into(&mut bytes);
        port.write_all(&bytes).await.unwrap();
        let mut decoder = Decoder::default();
        let mut buffer = [0; 4096];
        loop {
            let count = port.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the agent's port has closed");
            decoder.push(&buffer[..count]);
            while let Some(frame) = decoder.next_frame().unwrap() {
                if frame.kind == Kind::Reply {
                    return frame.message::<Result<Reply, Failure>>().unwrap().unwrap();
                }
            }
        }
    };
    match tokio::time::timeout(SOON, ask).await {
        Ok(Reply::Hello(hello)) => hello,
        other => panic!("{other:?}; its console:\n{}", machine.console().await),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_distributions_kernel_boots_our_agent_and_is_cloned() {
    let image = image();
    let root = tempfile::tempdir().unwrap();
    let qemu = Qemu::find(None).await.expect("this test needs QEMU: apt-get install qemu-system-x86");
    let boot = Boot::Kernel {
        kernel: image.kernel.clone(),
        initrd: image.initrd.clone(),
        command_line: command_line(Accel::Tcg),
    };
    let start = Instant::now();
    let template = qemu.launch(spec(root.path(), "template", boot, Sharing::Shared)).await.unwrap();
    let said = hello(&template).await;
    println!("cold boot to the agent's answer: {:?}", start.elapsed());
    assert_eq!(said.kernel, image.release);
    template.pause().await.unwrap();
    let state = root.path().join("state");
    template.save(std::fs::File::create(&state).unwrap()).await.unwrap();
    template.quit().await.unwrap();

    for round in 0..3 {
        let start = Instant::now();
        let clone =
            qemu.launch(spec(root.path(), &format!("clone{round}"), Boot::Restore, Sharing::Private)).await.unwrap();
        let launched = start.elapsed();
        clone.restore(std::fs::File::open(&state).unwrap()).await.unwrap();
        let restored = start.elapsed();
        clone.resume().await.unwrap();
        assert_eq!(hello(&clone).await, said);
        println!("clone: launched {launched:?}, restored {restored:?}, answered {:?}", start.elapsed());
        clone.quit().await.unwrap();
        println!("quit at {:?}", start.elapsed());
    }
}

#[test]
fn a_second_build_finds_the_first() {
    let first = image();
    let start = Instant::now();
    assert_eq!(image(), first);
    assert!(start.elapsed() < Duration::from_secs(30), "it was built again");
    assert!(folder().join("kernel").join(&first.release).join("modules").is_dir(), "other modules stay at hand");
}

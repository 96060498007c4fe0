//! The agent's port of a fake machine: bytes go to and fro while the machine runs, and stand still while it stands.

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::UnixStream,
    sync::watch,
};

/// Moves bytes between the two until either side closes.
pub(super) async fn carry(host: UnixStream, guest: UnixStream, running: watch::Receiver<bool>) {
    let (host_out, host_in) = host.into_split();
    let (guest_out, guest_in) = guest.into_split();
    tokio::select! {
        () = pump(host_out, guest_in, running.clone()) => {}
        () = pump(guest_out, host_in, running) => {}
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut running: watch::Receiver<bool>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if running.wait_for(|running| *running).await.is_err() || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

//! The sockets that clients come to. `serve` opens them all before anything slow is done, so that a taken address is
//! known at once, and clients that come early wait instead of failing.
//!
//! Dropping [`Opened`] removes the unix sockets that it made.

mod address;
mod group;
mod unix;

#[cfg(test)]
mod tests;

pub(crate) use address::{Address, AddressError};
pub(crate) use group::GroupError;

use std::{io, path::PathBuf};
use tokio::net::TcpListener;
use vch_api::Listener;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Another daemon is there.
    #[error("cannot listen on {0}: another daemon answers there; stop it, or choose another address with -H")]
    Answered(Address),
    /// The port is taken.
    #[error("cannot listen on {0}: another program has the port; stop it, or choose another port with -H")]
    Taken(Address),
    /// Something else lies where the socket should be.
    #[error(
        "cannot listen on unix://{path}: the file there is no socket; remove it, or choose another path with -H",
        path = .0.display()
    )]
    NoSocket(PathBuf),
    /// Unix socket paths are short.
    #[error(
        "cannot listen on unix://{path}: a socket's path may have 107 bytes; choose a shorter one with -H",
        path = .0.display()
    )]
    TooLong(PathBuf),
    /// The socket's group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// Anything else.
    #[error("cannot listen on {address}")]
    Io {
        /// The address.
        address: Address,
        /// Why not.
        source: io::Error,
    },
}

/// The sockets opened for the addresses given.
pub(crate) struct Opened {
    /// In the order of the addresses.
    pub(crate) listeners: Vec<Listener>,
    sockets: Vec<unix::Socket>,
}

impl Opened {
    /// Removes the unix sockets. Without them no new client comes; those that are there go on.
    pub(crate) fn remove_sockets(&mut self) {
        self.sockets.clear();
    }
}

/// Opens all of `addresses`, or none.
pub(crate) async fn open(addresses: &[Address], group: Option<&str>) -> Result<Opened, ListenError> {
    let mut opened = Opened { listeners: Vec::new(), sockets: Vec::new() };
    for address in addresses {
        match address {
            Address::Unix(path) => {
                let (listener, socket) = unix::open(path, group)?;
                tracing::info!("API listen on {}", path.display());
                opened.sockets.push(socket);
                opened.listeners.push(Listener::Unix(listener));
            }
            Address::Tcp { host, port } => opened.listeners.push(Listener::Tcp(tcp(address, host, *port).await?)),
        }
    }
    Ok(opened)
}

async fn tcp(address: &Address, host: &str, port: u16) -> Result<TcpListener, ListenError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken(address.clone()),
        _ => ListenError::Io { address: address.clone(), source },
    };
    let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    if !local.ip().is_loopback() {
        tracing::warn!(host = %address, "Binding to IP address without --tlsverify is insecure and gives root access on this machine to everyone who has access to your network.");
    }
    tracing::warn!(host = %address, "Binding to an IP address, even on localhost, can also give access to scripts run in a browser. Be safe out there!");
    tracing::info!("API listen on {local}");
    Ok(listener)
}

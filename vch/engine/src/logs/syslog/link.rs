//! The connection to a syslog server: made at the container's start, and anew when sending fails, as srslog does.

use super::address::{Address, words};
use crate::error::{Error, Result};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket, UnixDatagram, UnixStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

/// Sockets of this machine's own server, as srslog looks for them.
const LOCAL: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/// How long a server may take to answer a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A connection, perhaps a broken one.
pub(super) struct Link {
    address: Address,
    tls: Option<TlsConnector>,
    socket: Option<Socket>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
    Unixgram(UnixDatagram),
}

impl Socket {
    async fn send(&mut self, message: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(message).await.map(drop),
            Self::Unixgram(socket) => socket.send(message).await.map(drop),
            Self::Tcp(stream) => stream.write_all(message).await,
            Self::Unix(stream) => stream.write_all(message).await,
            Self::Tls(stream) => {
                stream.write_all(message).await?;
                stream.flush().await
            }
        }
    }
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// The server cannot be reached, in about Go's words.
    pub(super) async fn open(address: Address, tls: Option<TlsConnector>) -> Result<Self> {
        let mut link = Self { address, tls, socket: None };
        link.socket = Some(link.connect().await?);
        Ok(link)
    }

    /// Sends a message; over a new connection where the present one is broken.
    ///
    /// # Errors
    /// That fails too.
    pub(super) async fn send(&mut self, message: &[u8]) -> Result<()> {
        if let Some(socket) = &mut self.socket
            && socket.send(message).await.is_ok()
        {
            return Ok(());
        }
        self.socket = None;
        let mut socket = self.connect().await?;
        socket.send(message).await.map_err(|e| Error::system(format!("write syslog: {}", words(&e))))?;
        self.socket = Some(socket);
        Ok(())
    }

    async fn connect(&self) -> Result<Socket> {
        match &self.address {
            Address::Local => local().await.ok_or_else(|| Error::system("Unix syslog delivery error")),
            Address::Udp(address) => udp(address).await.map(Socket::Udp).map_err(|e| refused("udp", address, &e)),
            Address::Tcp(address) => tcp(address).await.map(Socket::Tcp),
            Address::Tls { host, address } => self.tls(host, address).await,
            Address::Unix(path) => unix(path).await.map_err(|e| refused("unix", &path.display().to_string(), &e)),
            Address::Unixgram(path) => unixgram(path).map_err(|e| refused("unixgram", &path.display().to_string(), &e)),
        }
    }

    async fn tls(&self, host: &str, address: &str) -> Result<Socket> {
        let failed = |why: &str| Error::system(format!("dial tcp {address}: tls: {why}"));
        let connector = self.tls.as_ref().ok_or_else(|| failed("not configured"))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| failed("the host has no name"))?;
        let shake = connector.connect(name, tcp(address).await?);
        match tokio::time::timeout(CONNECT, shake).await {
            Ok(Ok(stream)) => Ok(Socket::Tls(Box::new(stream))),
            Ok(Err(error)) => Err(failed(&error.to_string())),
            Err(_) => Err(failed("handshake timed out")),
        }
    }
}

fn refused(network: &str, address: &str, error: &std::io::Error) -> Error {
    Error::system(format!("dial {network} {address}: connect: {}", words(error)))
}

async fn tcp(address: &str) -> Result<TcpStream> {
    match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(connected) => connected.map_err(|e| refused("tcp", address, &e)),
        Err(_) => Err(Error::system(format!("dial tcp {address}: i/o timeout"))),
    }
}

async fn udp(address: &str) -> std::io::Result<UdpSocket> {
    let missing = || std::io::Error::other("no such host");
    let to = lookup_host(address).await?.next().ok_or_else(missing)?;
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    Ok(socket)
}

async fn unix(path: &Path) -> std::io::Result<Socket> {
    UnixStream::connect(path).await.map(Socket::Unix)
}

fn unixgram(path: &Path) -> std::io::Result<Socket> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    Ok(Socket::Unixgram(socket))
}

async fn local() -> Option<Socket> {
    for path in LOCAL.map(Path::new) {
        if let Ok(socket) = unixgram(path) {
            return Some(socket);
        }
        if let Ok(socket) = unix(path).await {
            return Some(socket);
        }
    }
    None
}

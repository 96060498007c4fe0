//! Addresses to listen on, as `-H` takes them. Forms, defaults and words are dockerd's (moby `opts/hosts.go`), but for
//! `fd://`, which is refused.

use std::{fmt, path::PathBuf};

/// dockerd's port without TLS.
const PORT: u16 = 2375;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// A TCP port; 0 takes any that is free.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// Why a text is no address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// No known form.
    #[error("Invalid bind address format: {0}")]
    Format(String),
    /// A TCP address with something after the port.
    #[error("invalid bind address ({0}): should not contain a path element, query, or fragment")]
    Path(String),
    /// The port is none.
    #[error("invalid bind address format: {0}: the port must be a number up to 65535")]
    Port(String),
    /// Socket activation.
    #[error(
        "fd:// needs sockets passed by systemd, which vch does not take: name the socket itself, as unix:///var/run/vch.sock"
    )]
    Descriptor,
}

impl Address {
    /// Reads `unix://PATH`, `tcp://[HOST][:PORT]` or `[HOST]:PORT`.
    pub(crate) fn parse(given: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = given.split_once("://").unwrap_or(("tcp", given));
        match scheme {
            "unix" if !rest.is_empty() => Ok(Self::Unix(rest.into())),
            "tcp" => Self::tcp(given, rest),
            "fd" => Err(AddressError::Descriptor),
            _ => Err(AddressError::Format(given.to_owned())),
        }
    }

    fn tcp(given: &str, rest: &str) -> Result<Self, AddressError> {
        let malformed = || AddressError::Format(given.to_owned());
        if rest.contains(['/', '?', '#']) {
            return Err(AddressError::Path(given.to_owned()));
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or_else(malformed)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| malformed())?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or_else(malformed)?) })
            }
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@') {
            return Err(malformed());
        }
        let port = match port {
            None | Some("") if !given.contains("://") => return Err(malformed()),
            None | Some("") => PORT,
            Some(port) => port.parse().map_err(|_| AddressError::Port(given.to_owned()))?,
        };
        let host = if host.is_empty() { "localhost" } else { host };
        Ok(Self::Tcp { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_dockerd_takes() {
        for (given, shown) in [
            ("unix:///var/run/vch.sock", "unix:///var/run/vch.sock"),
            ("unix://relative.sock", "unix://relative.sock"),
            ("tcp://", "tcp://localhost:2375"),
            ("tcp://:7777", "tcp://localhost:7777"),
            ("tcp://0.0.0.0:2376", "tcp://0.0.0.0:2376"),
            ("tcp://0.0.0.0", "tcp://0.0.0.0:2375"),
            ("tcp://[::1]:5555", "tcp://[::1]:5555"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("tcp://host.example:0", "tcp://host.example:0"),
            ("127.0.0.1:4000", "tcp://127.0.0.1:4000"),
            (":4000", "tcp://localhost:4000"),
        ] {
            assert_eq!(Address::parse(given).map(|address| address.to_string()), Ok(shown.to_owned()), "{given}");
        }
    }

    #[test]
    fn addresses_that_are_refused() {
        let format = |text: &str| AddressError::Format(text.to_owned());
        for (given, error) in [
            ("foo://x", format("foo://x")),
            ("unix://", format("unix://")),
            ("npipe:////./pipe/x", format("npipe:////./pipe/x")),
            ("localhost", format("localhost")),
            ("tcp://[::1", format("tcp://[::1")),
            ("tcp://[::x]:1", format("tcp://[::x]:1")),
            ("tcp://[::1]1", format("tcp://[::1]1")),
            ("tcp://a b:1", format("tcp://a b:1")),
            ("tcp://:99999", AddressError::Port("tcp://:99999".to_owned())),
            ("tcp://x:y", AddressError::Port("tcp://x:y".to_owned())),
            ("tcp://::1:5", AddressError::Port("tcp://::1:5".to_owned())),
            ("tcp://x:1/path", AddressError::Path("tcp://x:1/path".to_owned())),
            ("fd://", AddressError::Descriptor),
            ("fd://3", AddressError::Descriptor),
        ] {
            assert_eq!(Address::parse(given), Err(error), "{given}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_read_again(given in "\\PC{0,40}|(tcp|unix)://[a-z0-9:.\\[\\]/]{0,20}") {
            if let Ok(address) = Address::parse(&given) {
                proptest::prop_assert_eq!(Address::parse(&address.to_string()), Ok(address));
            }
        }
    }
}

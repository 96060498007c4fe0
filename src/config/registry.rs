//! Registry settings checked, with dockerd's rules and words (moby `registry/config.go`).

/// Why a registry or mirror cannot be one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RegistryError {
    /// Neither http nor https.
    #[error("invalid mirror: unsupported scheme {scheme:?} in {given:?}")]
    MirrorScheme {
        /// The scheme.
        scheme: String,
        /// The mirror as given.
        given: String,
    },
    /// More than a host.
    #[error("invalid mirror: path, query, or fragment at end of the URI {0:?}")]
    MirrorPath(String),
    /// A user in the address.
    #[error("invalid mirror: username/password not allowed in URI {0:?}")]
    MirrorUser(String),
    /// No host at all.
    #[error("invalid mirror: no host in {0:?}")]
    MirrorHost(String),
    /// A scheme that is not understood.
    #[error("insecure registry {0} should not contain '://'")]
    InsecureScheme(String),
    /// Neither host, host and port, nor CIDR.
    #[error("insecure registry {0} is not valid: expected HOST, HOST:PORT or a CIDR such as 10.0.0.0/8")]
    Insecure(String),
}

/// A mirror's address, with a slash at its end as `docker info` shows it.
pub(crate) fn mirror(given: &str) -> Result<String, RegistryError> {
    let owned = || given.to_owned();
    let (scheme, rest) = given.split_once("://").unwrap_or(("", given));
    if scheme != "http" && scheme != "https" {
        return Err(RegistryError::MirrorScheme { scheme: scheme.to_owned(), given: owned() });
    }
    let host = rest.strip_suffix('/').unwrap_or(rest);
    if host.contains(['/', '?', '#']) {
        return Err(RegistryError::MirrorPath(owned()));
    }
    if host.contains('@') {
        return Err(RegistryError::MirrorUser(owned()));
    }
    if !is_host_and_port(host) {
        return Err(RegistryError::MirrorHost(owned()));
    }
    Ok(format!("{scheme}://{host}/"))
}

/// An insecure registry, and the warning that it needs.
pub(crate) fn insecure(given: &str) -> Result<(String, Option<String>), RegistryError> {
    for scheme in ["http://", "https://"] {
        if let Some(rest) = given.strip_prefix(scheme) {
            let (kept, _) = insecure(rest)?;
            let warning = format!(
                "insecure registry {given} should not contain '{scheme}' and '{scheme}' has been removed from the insecure registry config"
            );
            return Ok((kept, Some(warning)));
        }
    }
    if given.contains("://") {
        return Err(RegistryError::InsecureScheme(given.to_owned()));
    }
    if is_cidr(given) || is_host_and_port(given) {
        return Ok((given.to_owned(), None));
    }
    Err(RegistryError::Insecure(given.to_owned()))
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let Ok(address) = address.parse::<std::net::IpAddr>() else { return false };
    bits.parse().is_ok_and(|bits: u8| bits <= if address.is_ipv4() { 32 } else { 128 })
}

fn is_host_and_port(text: &str) -> bool {
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return true;
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => return host.parse::<std::net::Ipv6Addr>().is_ok(),
        Some((host, port)) if host.parse::<std::net::Ipv6Addr>().is_ok() => (host, port.strip_prefix(':')),
        Some(_) => return false,
        None => text.split_once(':').map_or((text, Some("443")), |(host, port)| (host, Some(port))),
    };
    let named = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || "-._:".contains(c));
    named && port.is_some_and(|port| port.parse().is_ok_and(|port: u16| port > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors() {
        for good in ["https://mirror.example", "http://127.0.0.1:5000/", "https://[::1]:5000"] {
            let kept = mirror(good).unwrap();
            assert_eq!(kept, format!("{}/", good.trim_end_matches('/')));
        }
        for (bad, words) in [
            ("foo", "invalid mirror: unsupported scheme \"\" in \"foo\""),
            ("ftp://foo", "invalid mirror: unsupported scheme \"ftp\" in \"ftp://foo\""),
            ("https://foo/v1", "invalid mirror: path, query, or fragment at end of the URI \"https://foo/v1\""),
            ("https://a:b@foo", "invalid mirror: username/password not allowed in URI \"https://a:b@foo\""),
            ("https://", "invalid mirror: no host in \"https://\""),
        ] {
            assert_eq!(mirror(bad).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn insecure_registries() {
        for good in ["localhost:5000", "registry.example", "10.0.0.0/8", "fd00::/8", "[::1]:5000", "::1", "[::1]"] {
            assert_eq!(insecure(good).unwrap(), (good.to_owned(), None));
        }
        let (kept, warning) = insecure("http://foo:5000").unwrap();
        assert_eq!(kept, "foo:5000");
        assert_eq!(
            warning.unwrap(),
            "insecure registry http://foo:5000 should not contain 'http://' and 'http://' has been removed from the insecure registry config"
        );
        for bad in ["", "ftp://foo", "foo:0", "foo:99999", "foo/bar", "10.0.0.0/33", "a b", "[::1", "[x]:5"] {
            assert!(insecure(bad).is_err(), "{bad}");
        }
    }
}

//! `--insecure-registry` and `--registry-mirror`: parsed once, asked for every reference (moby `registry/config.go`).

use std::net::{IpAddr, ToSocketAddrs};

use url::Url;

use super::RegistryError;
use crate::content::StoreOptions;
use crate::reference::DEFAULT_DOMAIN;

/// Where `docker.io` really is.
const DEFAULT_HOST: &str = "registry-1.docker.io";

/// One place to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `scheme://host[:port][/prefix]`, without a slash at the end.
    pub(crate) url: String,
    /// `host[:port]`, which names the certificate directory.
    pub(crate) host: String,
    /// Whether a bad certificate is taken.
    pub(crate) insecure: bool,
    /// Whether any failure means: ask the next.
    pub(crate) mirror: bool,
}

impl Endpoint {
    /// Whether nothing protects what is sent there.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.starts_with("http:")
    }
}

/// A parsed range of addresses.
#[derive(Clone, Copy, Debug)]
struct Cidr {
    address: IpAddr,
    bits: u32,
}

/// The parsed options.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    mirrors: Vec<Endpoint>,
    insecure_hosts: Vec<String>,
    insecure_ranges: Vec<Cidr>,
}

impl Settings {
    /// Parses both options.
    pub(crate) fn parse(options: &StoreOptions) -> Result<Self, RegistryError> {
        let loopback = ["127.0.0.0/8", "::1/128"].iter().filter_map(|text| Cidr::parse(text));
        let mut settings =
            Self { mirrors: Vec::new(), insecure_hosts: Vec::new(), insecure_ranges: loopback.collect() };
        for value in &options.insecure_registries {
            settings.add_insecure(value)?;
        }
        for value in &options.registry_mirrors {
            let mirror = settings.mirror(value)?;
            settings.mirrors.push(mirror);
        }
        Ok(settings)
    }

    fn add_insecure(&mut self, value: &str) -> Result<(), RegistryError> {
        let bad = |why| RegistryError::Option { option: "insecure registry", value: value.to_owned(), why };
        let host = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://")).unwrap_or(value);
        if let Some(range) = Cidr::parse(host) {
            self.insecure_ranges.push(range);
            return Ok(());
        }
        if host.is_empty() || host.contains(['/', '@', '?', '#', ' ']) {
            return Err(bad("expected host, host:port or an address range"));
        }
        if host.starts_with('-') {
            return Err(bad("cannot begin with '-'"));
        }
        self.insecure_hosts.push(host.to_ascii_lowercase());
        Ok(())
    }

    fn mirror(&self, value: &str) -> Result<Endpoint, RegistryError> {
        let bad = |why| RegistryError::Option { option: "mirror", value: value.to_owned(), why };
        let url = Url::parse(value).map_err(|_| bad("not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("unsupported scheme"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("query or fragment at the end"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("username or password in it"));
        }
        let name = url.host_str().ok_or_else(|| bad("no host"))?;
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        Ok(Endpoint {
            url: value.trim_end_matches('/').to_owned(),
            insecure: self.is_listed(&host),
            host,
            mirror: true,
        })
    }

    /// Where to ask for names of a domain, in order. Blocks on name resolution where a range might apply.
    pub(crate) fn endpoints(&self, domain: &str) -> Vec<Endpoint> {
        if domain == DEFAULT_DOMAIN {
            let host = DEFAULT_HOST.to_owned();
            let home = Endpoint { url: format!("https://{host}"), host, insecure: false, mirror: false };
            return self.mirrors.iter().cloned().chain([home]).collect();
        }
        let insecure = self.is_insecure(domain);
        let endpoint = |scheme: &str| Endpoint {
            url: format!("{scheme}://{domain}"),
            host: domain.to_owned(),
            insecure,
            mirror: false,
        };
        let mut endpoints = vec![endpoint("https")];
        if insecure {
            endpoints.push(endpoint("http"));
        }
        endpoints
    }

    fn is_listed(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.insecure_hosts.contains(&host) || self.insecure_hosts.iter().any(|h| Some(h.as_str()) == name_of(&host))
    }

    /// Listed by name, or at an address in a listed range (dockerd `isSecureIndex`).
    fn is_insecure(&self, host: &str) -> bool {
        if self.is_listed(host) {
            return true;
        }
        let name = name_of(host).unwrap_or(host).trim_matches(['[', ']']);
        let addresses: Vec<IpAddr> = match name.parse() {
            Ok(address) => vec![address],
            Err(_) => (name, 443).to_socket_addrs().map(|all| all.map(|a| a.ip()).collect()).unwrap_or_default(),
        };
        addresses.iter().any(|address| self.insecure_ranges.iter().any(|range| range.contains(*address)))
    }
}

/// The host without its port.
fn name_of(host: &str) -> Option<&str> {
    let (name, port) = host.rsplit_once(':')?;
    (!port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())).then_some(name)
}

impl Cidr {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Self { address, bits })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| self.bits == 0 || (a ^ b) >> (width - self.bits) == 0;
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(insecure: &[&str], mirrors: &[&str]) -> Result<Settings, RegistryError> {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        Settings::parse(&StoreOptions {
            insecure_registries: owned(insecure),
            registry_mirrors: owned(mirrors),
            ..StoreOptions::default()
        })
    }

    fn urls(settings: &Settings, domain: &str) -> Vec<String> {
        settings.endpoints(domain).into_iter().map(|e| e.url).collect()
    }

    #[test]
    fn http_is_only_for_loopback_and_the_listed() {
        let s = settings(&["10.0.0.0/8", "reg.test:5000", "http://bare.test", "2001:db8::/32"], &[]).unwrap();
        for (domain, plain) in [
            ("localhost:5000", true),
            ("127.9.9.9:1", true),
            ("[::1]:5000", true),
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("[2001:db8::7]:80", true),
            ("[2001:db9::7]:80", false),
            ("reg.test:5000", true),
            ("REG.test:5000", true),
            ("bare.test", true),
            ("bare.test:99", true),
            ("192.0.2.1:5001", false),
        ] {
            assert_eq!(urls(&s, domain).len() == 2, plain, "{domain}");
            assert_eq!(urls(&s, domain)[0], format!("https://{domain}"));
        }
    }

    #[test]
    fn mirrors_come_before_docker_io_only() {
        let s = settings(&[], &["http://127.0.0.1:5000/", "https://m.test/prefix"]).unwrap();
        let docker = ["http://127.0.0.1:5000", "https://m.test/prefix", "https://registry-1.docker.io"];
        assert_eq!(urls(&s, "docker.io"), docker);
        assert_eq!(urls(&s, "192.0.2.7"), ["https://192.0.2.7"]);
    }

    #[test]
    fn nonsense_is_refused_at_the_start() {
        for value in ["ftp://m", "m.test", "https://u:p@m", "https://m?q", "https://m#f"] {
            assert!(settings(&[], &[value]).is_err(), "{value}");
        }
        for value in ["", "-x", "a b", "a/b", "10.0.0.0/99"] {
            assert!(settings(&[value], &[]).is_err(), "{value}");
        }
    }
}

//! Where a worker is: a host and a port.

// `core::net` has the words for addresses and nothing that could connect.
use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::{fmt, str::FromStr};

/// Most bytes of a host name in an address.
pub(super) const MAX_HOST_NAME: usize = 100;

/// Where a worker is; displayed and parsed as `HOST:PORT`, an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorkerAddress {
    /// The machine.
    pub host: Host,
    /// The TCP port, never 0.
    pub port: u16,
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// By its number.
    Ip(IpAddr),
    /// By its name: at most 100 ASCII letters, digits, `.`, `_` and `-`.
    Name(HostName),
}

/// A machine's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostName(String);

/// A text that is no address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not HOST:PORT, with an IPv6 address in brackets")]
pub struct InvalidAddress(String);

impl HostName {
    pub(super) fn new(text: &str) -> Option<Self> {
        let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = (1..=MAX_HOST_NAME).contains(&text.len()) && text.chars().all(of_name);
        // Digits and dots alone are a mistyped number.
        let number = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        (fits && !number).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<SocketAddr> for WorkerAddress {
    fn from(address: SocketAddr) -> Self {
        Self { host: Host::Ip(address.ip()), port: address.port() }
    }
}

impl FromStr for WorkerAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let read = || {
            let (host, port) = text.rsplit_once(':')?;
            let port = port.parse().ok().filter(|port| *port != 0)?;
            let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
                Some(v6) => Host::Ip(IpAddr::V6(v6.parse::<Ipv6Addr>().ok()?)),
                None => match host.parse() {
                    Ok(v4) => Host::Ip(IpAddr::V4(v4)),
                    Err(_) => Host::Name(HostName::new(host)?),
                },
            };
            Some(Self { host, port })
        };
        read().ok_or_else(|| InvalidAddress(text.to_owned()))
    }
}

impl fmt::Display for WorkerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).fmt(f),
            Host::Name(HostName(name)) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_what_it_displays() {
        for text in ["192.168.1.20:50551", "[2001:db8::1]:1", "gpu.local:65535", "localhost:50551"] {
            assert_eq!(text.parse::<WorkerAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ":1",
            "gpu",
            "gpu:",
            "gpu:0",
            "gpu:65536",
            "2001:db8::1:50551",
            "[::1]",
            "192.168.1:1",
            "1.2.3.256:1",
            "a b:1",
            "http://gpu:1",
        ] {
            assert_eq!(text.parse::<WorkerAddress>(), Err(InvalidAddress(text.to_owned())), "{text}");
        }
    }
}

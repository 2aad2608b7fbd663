//! Addresses that Stripe's pages send the browser back to. Only listed hosts are allowed.

use garde::{Error, Path, Report, Validate};
use serde::Deserialize;
use thiserror::Error as ThisError;
use url::{Host, Url};

/// The maximum length of an address, in bytes.
const MAX_BYTES: usize = 2_048;

/// An address as the client sent it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct RedirectUrl(String);

/// The allowed hosts: `app.example.com`, `app.example.com:8443`, `localhost`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedirectHosts(Vec<String>);

/// An entry of the list is not a host, or not a host with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("must be hosts, like app.example.com,localhost, without a scheme or a path")]
pub struct InvalidHost;

/// The address leads to a host that is not on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("leads to a host that is not allowed")]
pub struct HostNotAllowed;

impl From<&str> for RedirectUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl RedirectUrl {
    /// The address in the normalised spelling that browsers use, if its host is one of `hosts`. Its
    /// query may contain Stripe's placeholder `{CHECKOUT_SESSION_ID}`.
    pub fn normalize_if_allowed(&self, hosts: &RedirectHosts) -> Result<String, HostNotAllowed> {
        let url = self.parse().map_err(|_| HostNotAllowed)?;
        if hosts.contains(&url) { Ok(url.into()) } else { Err(HostNotAllowed) }
    }

    fn parse(&self) -> Result<Url, &'static str> {
        const EXAMPLE: &str = "must be an address like https://app.example.com/paid";
        if self.0.is_empty() {
            return Err("is required");
        }
        if self.0.len() > MAX_BYTES {
            return Err("must be at most 2048 bytes");
        }
        // Parsers disagree about these characters: some remove them, others read them as `/`.
        if self.0.chars().any(|one| one.is_whitespace() || one.is_control() || one == '\\') {
            return Err(EXAMPLE);
        }
        let url = Url::parse(&self.0).map_err(|_| EXAMPLE)?;
        let is_allowed_scheme = match url.scheme() {
            "https" => true,
            "http" => is_loopback(&url),
            _ => return Err(EXAMPLE),
        };
        if !is_allowed_scheme {
            return Err("must begin with https://");
        }
        // The normalised spelling may be longer.
        if url.as_str().len() > MAX_BYTES {
            return Err("must be at most 2048 bytes");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain a user name or password");
        }
        Ok(url)
    }
}

impl Validate for RedirectUrl {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Err(fault) = self.parse() {
            report.append(parent(), Error::new(fault));
        }
    }
}

impl RedirectHosts {
    /// Parses the list. Each entry is the name of a host, with or without a port.
    pub fn new(hosts: &[String]) -> Result<Self, InvalidHost> {
        let read = |host: &String| {
            let url = Url::parse(&format!("https://{host}/")).map_err(|_| InvalidHost)?;
            let is_host = url.path() == "/" && !host.contains(['/', '?', '#', '@', '*']);
            if is_host { authority(&url).ok_or(InvalidHost) } else { Err(InvalidHost) }
        };
        hosts.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the list allows the host of `url`. A listed loopback host is allowed on every port.
    fn contains(&self, url: &Url) -> bool {
        let is_listed = authority(url).is_some_and(|authority| self.0.contains(&authority));
        is_listed
            || (is_loopback(url)
                && url.host_str().is_some_and(|host| self.0.iter().any(|listed| listed == host)))
    }
}

/// The host, with the port unless that is the default port of https.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(hosts: &[&str]) -> Result<RedirectHosts, InvalidHost> {
        RedirectHosts::new(&hosts.iter().map(|&host| host.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn addresses_of_listed_hosts_are_normalised() {
        let hosts = hosts(&["app.example.com", "shop.example.com:8443", "localhost"]).unwrap();
        for (address, expected) in [
            ("https://app.example.com", "https://app.example.com/"),
            (
                "https://APP.example.com:443/a?b={CHECKOUT_SESSION_ID}#c",
                "https://app.example.com/a?b={CHECKOUT_SESSION_ID}#c",
            ),
            ("https://shop.example.com:8443/x", "https://shop.example.com:8443/x"),
            ("http://localhost:3000/done", "http://localhost:3000/done"),
        ] {
            assert_eq!(RedirectUrl::from(address).normalize_if_allowed(&hosts).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn addresses_of_other_hosts_are_refused() {
        let hosts = hosts(&["app.example.com"]).unwrap();
        for address in [
            "https://example.com/",
            "https://app.example.com.evil.example/",
            "https://evil.example/app.example.com",
            "https://evil.example#app.example.com",
            "https://evil.example?app.example.com",
            "https://app.example.com:8443/",
            "https://xn--pp-tia.example.com/",
            "https://sub.app.example.com/",
            "https://app.example.com./",
            "http://localhost/",
        ] {
            let url = RedirectUrl::from(address);
            assert!(url.validate().is_ok(), "{address}");
            assert_eq!(url.normalize_if_allowed(&hosts), Err(HostNotAllowed), "{address}");
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for address in [
            "",
            "app.example.com",
            "/paid",
            "//app.example.com/",
            "http://app.example.com/",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://app.example.com/",
            "https://",
            "https://app.example.com@evil.example/",
            "https://user:secret@app.example.com/",
            "https://app.example.com\\@evil.example/",
            "https://app.example.com/a b",
            "https://app.example.com/\0",
            "https://app\n.example.com/",
            "chat-app://paid",
        ] {
            assert!(RedirectUrl::from(address).validate().is_err(), "{address}");
            assert!(
                RedirectUrl::from(address)
                    .normalize_if_allowed(&hosts(&["app.example.com"]).unwrap())
                    .is_err()
            );
        }
        for (long, times) in [("x", MAX_BYTES), ("\"", 1_000)] {
            let long = format!("https://app.example.com/?{}", long.repeat(times));
            assert!(RedirectUrl::from(long.as_str()).validate().is_err());
        }
    }

    #[test]
    fn list_accepts_only_hosts_with_optional_ports() {
        for wrong in ["https://app.example.com", "app.example.com/", "*.example.com", "a b", "", "u@h", "h:x"]
        {
            assert_eq!(hosts(&[wrong]), Err(InvalidHost), "{wrong}");
        }
        assert!(hosts(&["app.example.com", "127.0.0.1", "[::1]", "localhost:3000"]).is_ok());
    }
}

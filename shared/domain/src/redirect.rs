//! Addresses that a person's browser is sent back to from a page of somebody else's: those of known hosts only.

use garde::{Error, Path, Report, Validate};
use serde::Deserialize;
use thiserror::Error as ThisError;
use url::{Host, Url};

/// The longest address, in bytes.
const MAX: usize = 2_048;

/// An address as a client has sent it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct RedirectUrl(String);

/// The hosts that addresses may lead to: `app.example.com`, `app.example.com:8443`, `localhost`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedirectHosts(Vec<String>);

/// Not the name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("must be hosts, like app.example.com,localhost, without a scheme or a path")]
pub struct NotAHost;

/// An address that leads to a host which is not on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("leads to a host that is not allowed")]
pub struct OffList;

impl From<&str> for RedirectUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl RedirectUrl {
    /// The address in the one spelling that browsers make of it, if it leads to one of `hosts`. What Stripe fills in
    /// (`{CHECKOUT_SESSION_ID}`) may stand in its query.
    ///
    /// # Errors
    /// When it leads elsewhere, or nowhere.
    pub fn leading_to(&self, hosts: &RedirectHosts) -> Result<String, OffList> {
        let url = self.parse().map_err(|_| OffList)?;
        if hosts.have(&url) { Ok(url.into()) } else { Err(OffList) }
    }

    fn parse(&self) -> Result<Url, &'static str> {
        const WHAT: &str = "must be an address like https://app.example.com/paid";
        if self.0.is_empty() {
            return Err("is required");
        }
        if self.0.len() > MAX {
            return Err("must be at most 2048 bytes");
        }
        // Parsers take these away or take them for something else, each its own way.
        if self.0.chars().any(|one| one.is_whitespace() || one.is_control() || one == '\\') {
            return Err(WHAT);
        }
        let url = Url::parse(&self.0).map_err(|_| WHAT)?;
        let scheme = match url.scheme() {
            "https" => true,
            "http" => is_loopback(&url),
            _ => return Err(WHAT),
        };
        if !scheme {
            return Err("must begin with https://");
        }
        // In that spelling it may be longer.
        if url.as_str().len() > MAX {
            return Err("must be at most 2048 bytes");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not have a user name or password in it");
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
    /// Reads the list.
    ///
    /// # Errors
    /// When one of it is not the name of a host, with or without a port.
    pub fn new(hosts: &[String]) -> Result<Self, NotAHost> {
        let read = |host: &String| {
            let url = Url::parse(&format!("https://{host}/")).map_err(|_| NotAHost)?;
            let is_host = url.path() == "/" && !host.contains(['/', '?', '#', '@', '*']);
            if is_host { authority(&url).ok_or(NotAHost) } else { Err(NotAHost) }
        };
        hosts.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Of a machine's own address every port will do.
    fn have(&self, url: &Url) -> bool {
        let named = authority(url).is_some_and(|authority| self.0.contains(&authority));
        named || (is_loopback(url) && url.host_str().is_some_and(|host| self.0.iter().any(|own| own == host)))
    }
}

/// The host, and the port unless it is that of https.
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

    fn hosts(hosts: &[&str]) -> Result<RedirectHosts, NotAHost> {
        RedirectHosts::new(&hosts.iter().map(|&host| host.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn addresses_of_listed_hosts_are_taken_in_their_one_spelling() {
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
            assert_eq!(RedirectUrl::from(address).leading_to(&hosts).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn addresses_of_other_hosts_are_off_the_list() {
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
            assert_eq!(url.leading_to(&hosts), Err(OffList), "{address}");
        }
    }

    #[test]
    fn what_is_no_such_address_is_refused() {
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
            assert!(RedirectUrl::from(address).leading_to(&hosts(&["app.example.com"]).unwrap()).is_err());
        }
        for (long, times) in [("x", MAX), ("\"", 1_000)] {
            let long = format!("https://app.example.com/?{}", long.repeat(times));
            assert!(RedirectUrl::from(long.as_str()).validate().is_err());
        }
    }

    #[test]
    fn the_list_has_hosts_and_nothing_else() {
        for wrong in ["https://app.example.com", "app.example.com/", "*.example.com", "a b", "", "u@h", "h:x"]
        {
            assert_eq!(hosts(&[wrong]), Err(NotAHost), "{wrong}");
        }
        assert!(hosts(&["app.example.com", "127.0.0.1", "[::1]", "localhost:3000"]).is_ok());
    }
}

//! The header `Host`, which HTTP/1.1 requires (RFC 9112, 3.2) and hyper does not check.

use hyper::Version;
use hyper::header::{HOST, HeaderMap};
use hyper::http::uri::Authority;

/// Returns whether the request has exactly one valid `Host`. HTTP/1.0 allows that there is none.
pub fn is_valid(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => is_host(host.as_bytes()),
        (None, _) => version < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// An empty host is valid: it is that of a URL without an authority.
fn is_host(text: &[u8]) -> bool {
    if text.is_empty() {
        return true;
    }
    let Ok(authority) = Authority::try_from(text) else {
        return false;
    };
    let Some(port) = authority.as_str().strip_prefix(authority.host()) else {
        return false; // It begins with a user's name.
    };
    matches!(port, "" | ":") || authority.port_u16().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn check(version: Version, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).expect("a header"));
        }
        is_valid(version, &headers)
    }

    #[test]
    fn one_valid_host() {
        for host in [
            "a.example",
            "a.example:80",
            "a:",
            "127.0.0.1:8080",
            "[::1]:80",
            "[::1]",
            "",
        ] {
            assert!(check(Version::HTTP_11, &[host]), "{host:?}");
            assert!(check(Version::HTTP_10, &[host]), "{host:?}");
        }
        for host in [
            "a b", "user@a", "a:port", "a:99999", "a:1:2", "a/b", "a?b", "http://a", "[::1", ":80@",
        ] {
            assert!(!check(Version::HTTP_11, &[host]), "{host:?}");
            assert!(!check(Version::HTTP_10, &[host]), "{host:?}");
        }
    }

    #[test]
    fn the_number_of_hosts() {
        assert!(!check(Version::HTTP_11, &[]));
        assert!(check(Version::HTTP_10, &[]));
        assert!(!check(Version::HTTP_11, &["a", "a"]));
        assert!(!check(Version::HTTP_10, &["a", "b"]));
    }
}

//! Requests and responses, as OCaml sees them.

use bytes::Bytes as Body;
use http_body_util::Full;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{StatusCode, http};
use ocaml_lwt_interop::Bytes;
use ocaml_lwt_interop::{FromOCaml, ToOCaml};

pub type Headers = Vec<(String, Bytes)>;

/// A request.
#[derive(ToOCaml)]
pub struct Request {
    meth: String,
    path: String,
    /// What follows `?`; empty if there is none.
    query: String,
    /// With names in lower case.
    headers: Headers,
    body: Bytes,
}

impl Request {
    pub fn new(head: &http::request::Parts, body: Body) -> Request {
        Request {
            meth: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or("").to_owned(),
            headers: headers(&head.headers),
            body: Bytes(body.into()),
        }
    }
}

/// A response.
#[derive(FromOCaml, ToOCaml)]
pub struct Response {
    status: isize,
    headers: Headers,
    body: Bytes,
}

impl Response {
    pub fn new(head: &http::response::Parts, body: Body) -> Response {
        Response {
            status: head.status.as_u16() as isize,
            headers: headers(&head.headers),
            body: Bytes(body.into()),
        }
    }

    #[cfg(test)]
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Converts to what hyper sends.
    ///
    /// # Errors
    /// The status or a header is not valid in HTTP.
    pub fn into_http(self) -> Result<hyper::Response<Full<Body>>, http::Error> {
        let status = u16::try_from(self.status).unwrap_or(0);
        let mut response = hyper::Response::new(Full::new(self.body.0.into()));
        *response.status_mut() = StatusCode::from_u16(status)?;
        *response.headers_mut() = header_map(self.headers)?;
        Ok(response)
    }
}

/// # Errors
/// A name or a value is not valid in HTTP.
pub fn header_map(headers: Headers) -> Result<HeaderMap, http::Error> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::try_from(name)?, HeaderValue::try_from(value.0)?);
    }
    Ok(map)
}

fn headers(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), Bytes(value.as_bytes().to_vec())))
        .collect()
}

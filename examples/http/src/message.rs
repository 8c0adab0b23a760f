//! Requests and responses, as OCaml sees them.

use crate::body::{Body, Rest};
use crate::sending::Parts;
use bytes::Bytes as Part;
use futures_lite::Stream;
use http_body_util::Full;
use hyper::body::{Frame, SizeHint};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{StatusCode, http};
use ocaml_lwt_interop::{Bytes, FromOCaml, Opaque, RemoteError, ToOCaml};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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
    /// `None` if it is empty.
    body: Option<Opaque<Body>>,
}

impl Request {
    pub fn new(head: &http::request::Parts, body: Option<Arc<Body>>) -> Request {
        Request {
            meth: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or("").to_owned(),
            headers: headers(&head.headers),
            body: body.map(Opaque::from),
        }
    }
}

/// A response.
#[derive(FromOCaml)]
pub struct Response {
    status: isize,
    headers: Headers,
    body: Content,
}

/// The body of a response.
#[derive(FromOCaml)]
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// Its parts, which are sent as they come. A client that does not read them stops their producer. If the stream
    /// fails, the connection is closed before the end of the response.
    Parts(Parts),
}

impl Response {
    /// Converts to what hyper sends.
    ///
    /// # Errors
    /// The status or a header is not valid in HTTP.
    pub fn into_http(self) -> Result<hyper::Response<ReplyBody>, http::Error> {
        let status = u16::try_from(self.status).unwrap_or(0);
        let mut response = hyper::Response::new(match self.body {
            Content::Whole(body) => ReplyBody::Whole(Full::new(body.0.into())),
            Content::Parts(parts) => ReplyBody::Parts(parts, None),
        });
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

/// The body of a response, for hyper.
pub enum ReplyBody {
    Whole(Full<Part>),
    /// The parts, and what is left of the request's body meanwhile.
    Parts(Parts, Option<Rest>),
}

impl hyper::body::Body for ReplyBody {
    type Data = Part;
    type Error = RemoteError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Part>, RemoteError>>> {
        match self.get_mut() {
            ReplyBody::Whole(body) => {
                let frame = Pin::new(body).poll_frame(cx);
                frame.map_err(|never| match never {})
            }
            ReplyBody::Parts(parts, _) => {
                let part = Pin::new(&mut parts.stream).poll_next(cx);
                part.map_ok(|part| Frame::data(part.0.into())).map_err(|e| {
                    eprintln!("http: the stream of a response failed: {e}");
                    e
                })
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ReplyBody::Whole(body) => body.size_hint(),
            ReplyBody::Parts(..) => SizeHint::default(),
        }
    }
}

pub fn headers(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), Bytes(value.as_bytes().to_vec())))
        .collect()
}

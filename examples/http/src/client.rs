//! An HTTP client that keeps connections open for later requests.

use crate::Error;
use crate::hop_by_hop;
use crate::message::{self, Headers, header_map};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::header::{CONTENT_LENGTH, EXPECT, HOST};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use ocaml_lwt_interop::{OpaqueType, func};

/// A client for requests to other servers, which keeps connections open for later requests. Any domain may use it.
#[derive(OpaqueType)]
pub struct Client {
    client: legacy::Client<HttpConnector, Empty<Bytes>>,
    max_body: usize,
}

#[func]
impl Client {
    /// Creates a client for responses whose bodies have up to `max_body` bytes.
    pub fn create(#[ocaml(label)] max_body: usize) -> Self {
        let client = legacy::Client::builder(TokioExecutor::new()).build_http();
        Client { client, max_body }
    }

    /// Returns the status, the headers and the body of the response to a GET request on behalf of one that had `headers`. Neither the request nor the response
    /// has hop-by-hop headers: see `src/hop_by_hop.rs`. Rejected with `Rust_error` if there is no response. Cancelling
    /// the promise cancels the request.
    #[func(raise)]
    pub async fn forward(
        &self,
        url: String,
        headers: Headers,
    ) -> Result<(u16, Headers, Bytes), Error> {
        let mut request = Request::get(url).body(Empty::new())?;
        let mut headers = header_map(headers)?;
        hop_by_hop::remove(&mut headers);
        // These describe the original request: its server, and its body, which is not passed on.
        for name in [HOST, CONTENT_LENGTH, EXPECT] {
            headers.remove(name);
        }
        *request.headers_mut() = headers;
        let response = self.client.request(request).await?;
        let (mut head, body) = response.into_parts();
        hop_by_hop::remove(&mut head.headers);
        let body = Limited::new(body, self.max_body).collect().await?;
        let headers = message::headers(&head.headers);
        Ok((head.status.as_u16(), headers, body.to_bytes()))
    }
}

#[cfg(test)]
mod tests;

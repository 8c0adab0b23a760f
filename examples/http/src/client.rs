//! An HTTP client that keeps connections open for later requests.

use crate::Error;
use crate::hop_by_hop;
use crate::message::{Headers, Response, header_map};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::header::{CONTENT_LENGTH, EXPECT, HOST};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use ocaml_lwt_interop::OpaqueType;

/// A client for requests to other servers.
#[derive(OpaqueType)]
pub struct Client {
    client: legacy::Client<HttpConnector, Empty<Bytes>>,
    max_body: usize,
}

impl Client {
    pub fn new(max_body: usize) -> Client {
        let client = legacy::Client::builder(TokioExecutor::new()).build_http();
        Client { client, max_body }
    }

    /// Requests a URL on behalf of a request that had `headers`, and returns the response. Neither passes
    /// on hop-by-hop headers.
    pub async fn forward(&self, url: &str, headers: Headers) -> Result<Response, Error> {
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
        Ok(Response::new(&head, body.to_bytes()))
    }
}

#[cfg(test)]
mod tests;

//! An HTTP client that keeps connections open for later requests.

use crate::Error;
use crate::message::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

pub struct Client {
    client: legacy::Client<HttpConnector, Empty<Bytes>>,
    max_body: usize,
}

impl Client {
    pub fn new(max_body: usize) -> Client {
        let client = legacy::Client::builder(TokioExecutor::new()).build_http();
        Client { client, max_body }
    }

    pub async fn get(&self, url: &str) -> Result<Response, Error> {
        let response = self.client.get(url.parse()?).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.max_body).collect().await?;
        Ok(Response::new(&head, body.to_bytes()))
    }
}

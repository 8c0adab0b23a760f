use super::*;
use futures_lite::StreamExt;
use http_body_util::Empty;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

/// Returns the body of a request that a client sends, and the client.
async fn request(text: &str) -> (Option<Arc<Body>>, DuplexStream) {
    let limits = Limits {
        connections: 1,
        body_bytes: 5,
        read_timeout: Duration::from_secs(60),
        write_timeout: Duration::from_secs(60),
    };
    let (mut client, server) = duplex(1000);
    let (sender, mut bodies) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let service = service_fn(|request: Request<Incoming>| {
            let (head, incoming) = request.into_parts();
            let body = Body::of(incoming, &head, &limits);
            sender.send(body).expect("the test waits");
            pending::<Result<Response<Empty<Bytes>>, Infallible>>()
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let _ = connection.await;
    });
    let sent = client.write_all(text.as_bytes()).await;
    sent.expect("the pipe has room");
    (bodies.recv().await.expect("a request"), client)
}

/// Returns the body of a request of which half has arrived, and the client.
async fn half() -> (Arc<Body>, DuplexStream) {
    let (body, client) =
        request("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc").await;
    (body.expect("it has one"), client)
}

#[tokio::test]
async fn an_empty_body_is_none() {
    for headers in ["", "content-length: 0\r\n"] {
        let text = format!("POST / HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        let (body, _client) = request(&text).await;
        assert!(!Rest(body.clone()).is_left(false));
        assert!(body.is_none());
    }
}

#[tokio::test]
async fn a_body_is_taken_once() {
    let (body, _client) = half().await;
    let parts = body.clone().parts().expect("it was not taken");
    for _ in 0..2 {
        let again = body.clone().parts().map(drop);
        let whole = body.clone().whole().await.map(drop);
        for (function, refused) in [("parts", again), ("whole", whole)] {
            let why = refused.expect_err("it was taken").to_string();
            assert!(why.contains(&format!("Body.{function}: ")), "{why}");
            assert!(why.contains("taken before"), "{why}");
        }
    }
    drop(parts);
    assert!(body.whole().await.is_err());
}

#[tokio::test]
async fn a_reader_fails_when_the_request_is_answered() {
    let (body, _client) = half().await;
    let rest = Rest(Some(body.clone()));
    let mut parts = pin!(body.clone().parts().expect("it was not taken"));
    assert!(matches!(parts.next().await, Some(Ok(part)) if part == "abc"));
    let answered = async {
        tokio::task::yield_now().await;
        drop(rest);
    };
    let (next, ()) = tokio::join!(parts.next(), answered);
    match next {
        Some(Err(BodyFailed(Unreadable::Broken(why)))) => assert!(why.contains("answered")),
        _ => panic!("the body has not ended"),
    }
    assert!(parts.next().await.is_none(), "it has failed");
    assert!(body.whole().await.is_err(), "it was taken");
}

#[tokio::test]
async fn what_is_left_of_a_body() {
    let (body, mut client) = half().await;
    let rest = Rest(Some(body.clone()));
    assert!(rest.is_left(false) && rest.is_left(true), "nobody reads it");
    let mut parts = Box::pin(body.clone().parts().expect("it was not taken"));
    assert!(rest.is_left(false) && !rest.is_left(true), "somebody does");
    assert!(parts.next().await.is_some());
    client.write_all(b"def").await.expect("the pipe has room");
    assert!(parts.next().await.is_some());
    assert!(!rest.is_left(false) && !rest.is_left(true), "it has ended");

    let (body, _client) = half().await;
    let rest = Rest(Some(body.clone()));
    drop(body.parts());
    assert!(rest.is_left(false) && rest.is_left(true), "nobody reads on");
}

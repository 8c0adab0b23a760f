use super::*;
use ocaml_lwt_interop::Bytes as OCamlBytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const HOP_BY_HOP: [(&str, &str); 11] = [
    ("Connection", "close, X-Named,"),
    ("Connection", "keep-alive , x-also-named"),
    ("X-Named", "1"),
    ("X-Also-Named", "2"),
    ("Keep-Alive", "timeout=5"),
    ("Proxy-Connection", "keep-alive"),
    ("Proxy-Authenticate", "Basic"),
    ("Proxy-Authorization", "Basic eA=="),
    ("TE", "trailers"),
    ("Trailer", "X-Later"),
    ("Upgrade", "h2c"),
];

fn names(list: &[(&str, &str)]) -> Vec<String> {
    list.iter().map(|(name, _)| name.to_lowercase()).collect()
}

/// Answers one request with `response`, and returns the request.
async fn upstream(listener: TcpListener, response: String) -> String {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let read = stream.read_buf(&mut request).await.expect("a request");
        assert!(read > 0, "the request ends early");
    }
    let written = stream.write_all(response.as_bytes()).await;
    written.expect("the client reads");
    String::from_utf8(request).expect("text")
}

#[tokio::test]
async fn hop_by_hop_headers_are_not_passed_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/x", listener.local_addr().expect("an address"));

    let mut sent: Headers = [
        ("Accept", "text/plain"),
        ("Host", "original"),
        ("Content-Length", "7"),
    ]
    .iter()
    .chain(&HOP_BY_HOP)
    .map(|(name, value)| (name.to_string(), OCamlBytes(value.as_bytes().to_vec())))
    .collect();
    sent.push(("Expect".to_owned(), OCamlBytes(b"100-continue".to_vec())));

    let lines = HOP_BY_HOP
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .concat();
    let response = format!(
        "HTTP/1.1 200 OK\r\nX-Kept: yes\r\n{lines}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    );
    let client = Client::create(1000);
    let (request, response) = tokio::join!(upstream(listener, response), client.forward(url, sent));

    let request = request.to_lowercase();
    assert!(request.contains("\r\naccept: text/plain\r\n"), "{request}");
    assert!(request.contains("\r\nhost: 127.0.0.1:"), "{request}");
    let removed = names(&HOP_BY_HOP);
    for name in removed
        .iter()
        .map(String::as_str)
        .chain(["expect", "content-length"])
    {
        assert!(
            !request.contains(&format!("\n{name}:")),
            "{name} in {request}"
        );
    }
    let (status, headers, body) = response.expect("a response");
    assert_eq!((status, &body[..]), (200, &b"ok"[..]));
    let received: Vec<&str> = headers.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(received, ["x-kept"]);
}

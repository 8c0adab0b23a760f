//! One client: its commands come in, a batch at a time goes to a domain, the replies go out.

use crate::frame::{Command, Parser, ProtocolError};
use ocaml::{FromValue, ToValue};
use ocaml_lwt_interop::{Bytes, Rooted, Workers};
use socket2::{SockRef, TcpKeepalive};
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The domains that answer.
pub type Answerers = Workers<(Session, Request), Outcome>;

/// What a client has agreed upon with us. It goes to OCaml and comes back with each batch, so that any
/// domain can serve any client.
#[derive(Debug, Clone, FromValue, ToValue)]
pub struct Session {
    id: isize,
    /// The version of the protocol.
    resp: isize,
    name: Bytes,
}

/// What OCaml is asked for.
#[derive(Debug, ToValue)]
pub enum Request {
    /// To do these commands.
    Batch(Vec<Command>),
    /// For the next part of their replies. The value is OCaml's own.
    Rest(Rooted),
}

/// What OCaml answers.
#[derive(Debug, FromValue)]
pub struct Outcome {
    reply: Bytes,
    /// What there is to say besides, if that is a lot.
    rest: Option<Rooted>,
    session: Session,
    close: bool,
}

/// What all clients have to keep to.
#[derive(Debug, Clone, FromValue)]
pub struct Limits {
    pub max_clients: isize,
    pub max_bulk: isize,
    /// In seconds. A client that takes nothing of its replies for so long is not waited for.
    pub write_timeout: f64,
}

/// A batch has no more commands than this, and ends when it has as many bytes: other clients want
/// to be served, too.
const BATCH_COMMANDS: usize = 1024;
const BATCH_BYTES: usize = 1 << 20;

/// Room for what the client sends next. A client that waits keeps no buffer that is much longer.
const READ: usize = 16 << 10;

const KEEPALIVE: Duration = Duration::from_secs(300);

pub struct Connection {
    stream: TcpStream,
    workers: Answerers,
    write_timeout: Duration,
    session: Session,
    parser: Parser,
    /// What has come, and is not parsed yet.
    buffer: Vec<u8>,
}

impl Connection {
    pub fn new(
        stream: TcpStream,
        id: isize,
        workers: Answerers,
        limits: &Limits,
    ) -> io::Result<Self> {
        // Small replies are not held back, and clients that are gone without a word are noticed.
        stream.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        let name = Bytes::default();
        Ok(Connection {
            stream,
            workers,
            write_timeout: Duration::from_secs_f64(limits.write_timeout),
            session: Session { id, resp: 2, name },
            parser: Parser::new(limits.max_bulk as usize),
            buffer: Vec::new(),
        })
    }

    /// Serves the client until it goes, or errs, or `stopping` is ready while it has no complete
    /// command for us. Nothing is read while a batch is under way: who does not wait for the replies
    /// finds the connection full.
    pub async fn serve(mut self, stopping: impl Future<Output = ()>) -> io::Result<()> {
        let mut stopping = std::pin::pin!(stopping);
        loop {
            match self.batch() {
                Err(error) => return self.refuse(&format!("Protocol error: {error}")).await,
                Ok(batch) if !batch.is_empty() => {
                    if !self.answer(batch).await? {
                        return Ok(());
                    }
                }
                Ok(_) => tokio::select! {
                    biased;
                    () = &mut stopping => return Ok(()),
                    read = self.read() => if read? == 0 { return Ok(()) },
                },
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        if self.buffer.is_empty() {
            self.buffer.shrink_to(READ);
        }
        self.buffer.reserve(READ);
        self.stream.read_buf(&mut self.buffer).await
    }

    /// The commands that are there. An error is told when those before it have been done.
    fn batch(&mut self) -> Result<Vec<Command>, ProtocolError> {
        let mut input = &self.buffer[..];
        let mut batch = Vec::new();
        while batch.len() < BATCH_COMMANDS && self.buffer.len() - input.len() < BATCH_BYTES {
            match self.parser.next(&mut input) {
                Ok(Some(command)) => batch.push(command),
                Ok(None) => break,
                Err(error) if batch.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        let parsed = self.buffer.len() - input.len();
        self.buffer.drain(..parsed);
        Ok(batch)
    }

    /// Has the commands done, and writes the replies. `false`: that was all.
    async fn answer(&mut self, batch: Vec<Command>) -> io::Result<bool> {
        let mut request = Request::Batch(batch);
        let mut goes_on = true;
        loop {
            let outcome = match self.workers.call((self.session.clone(), request)) {
                Ok(call) => call.await.map_err(|error| error.to_string()),
                Err(nobody) => Err(nobody.to_string()),
            };
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.refuse(&format!("internal error: {error}")).await?;
                    return Ok(false);
                }
            };
            self.write(&outcome.reply).await?;
            self.session = outcome.session;
            goes_on &= !outcome.close;
            match outcome.rest {
                Some(rest) => request = Request::Rest(rest),
                None => return Ok(goes_on),
            }
        }
    }

    async fn refuse(&mut self, why: &str) -> io::Result<()> {
        let line = format!("-ERR {}\r\n", why.replace(['\r', '\n'], " "));
        self.write(line.as_bytes()).await
    }

    async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let some = self.stream.write(bytes);
            let written = tokio::time::timeout(self.write_timeout, some).await??;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

/// For connections that come while there are too many.
pub async fn turn_away(mut stream: TcpStream) {
    let _ = stream
        .write_all(b"-ERR max number of clients reached\r\n")
        .await;
}

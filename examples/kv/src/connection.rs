//! The connection of a client: reads commands, has a domain run them in batches, writes the replies.

use crate::frame::{Command, Parser, ProtocolError};
use crate::handlers::Handlers;
use crate::kept::{Pending, Queue};
use ocaml_lwt_interop::{Bytes, FromOCaml, Opaque, Rooted, ToOCaml};
use socket2::{SockRef, TcpKeepalive};
use std::future::Future;
use std::io;
use std::mem;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The state of a client's connection. It is sent to OCaml and returned with each batch, so that any
/// domain can serve any client.
#[derive(Debug, Default, FromOCaml, ToOCaml)]
pub struct Session {
    id: isize,
    /// The version of the protocol, 2 or 3.
    resp: isize,
    /// The name that the client has given itself, or empty.
    name: Bytes,
    transaction: Option<Rooted<Queue>>,
}

/// A request to OCaml.
#[derive(Debug, ToOCaml)]
pub enum Request {
    /// Runs commands.
    Batch(Vec<Command>),
    /// Writes the next part of the replies.
    Rest(Rooted<Pending>),
}

/// The answer of OCaml.
#[derive(Debug, FromOCaml)]
pub struct Outcome {
    reply: Bytes,
    /// The remaining replies, if they are too long to write at once.
    rest: Option<Rooted<Pending>>,
    session: Session,
    close: bool,
}

/// The limits for each client.
#[derive(Debug, Clone, FromOCaml)]
pub struct Limits {
    pub max_clients: usize,
    /// The longest argument in bytes. All arguments of a command may have twice as many.
    pub max_bulk: usize,
    /// In seconds. A client that reads none of its replies for so long is disconnected.
    pub write_timeout: Duration,
}

/// Limits of a batch, which let a domain serve other clients in between: its commands, and the bytes
/// after which it ends.
const BATCH_COMMANDS: usize = 1024;
const BATCH_BYTES: usize = 1 << 20;

/// The space for one read. The buffer of an idle client is not much longer.
const READ: usize = 16 << 10;

const KEEPALIVE: Duration = Duration::from_secs(300);

pub struct Connection {
    stream: TcpStream,
    handlers: Opaque<Handlers>,
    write_timeout: Duration,
    session: Session,
    parser: Parser,
    /// Bytes that were read and are not parsed yet.
    buffer: Vec<u8>,
}

impl Connection {
    pub fn new(
        stream: TcpStream,
        id: isize,
        handlers: Opaque<Handlers>,
        limits: &Limits,
    ) -> io::Result<Self> {
        // Small replies are sent at once, and clients that vanished are detected.
        stream.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        let session = Session {
            id,
            resp: 2,
            ..Session::default()
        };
        Ok(Connection {
            stream,
            handlers,
            write_timeout: limits.write_timeout,
            session,
            parser: Parser::new(limits.max_bulk),
            buffer: Vec::new(),
        })
    }

    /// Serves the client until it disconnects, violates the protocol, or `stopping` resolves while no
    /// complete command is there. Nothing is read while a batch is under way, so TCP slows down a
    /// client that sends faster than it reads.
    pub async fn serve(mut self, stopping: impl Future<Output = ()>) -> io::Result<()> {
        let mut stopping = std::pin::pin!(stopping);
        loop {
            match self.batch() {
                Err(error) => return self.fail(&format!("Protocol error: {error}")).await,
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

    /// Returns the commands that have arrived. An error is returned once the commands before it have
    /// run.
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

    /// Has a domain run the commands, and writes the replies. Returns `false` if the connection is to
    /// be closed.
    async fn answer(&mut self, batch: Vec<Command>) -> io::Result<bool> {
        let mut request = Request::Batch(batch);
        let mut keep_open = true;
        loop {
            let session = mem::take(&mut self.session);
            let outcome = match self.handlers.0.call((session, request)) {
                Ok(call) => call.await.map_err(|error| error.to_string()),
                Err(no_handlers) => Err(no_handlers.to_string()),
            };
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(error) => {
                    self.fail(&format!("internal error: {error}")).await?;
                    return Ok(false);
                }
            };
            self.write(&outcome.reply).await?;
            self.session = outcome.session;
            keep_open &= !outcome.close;
            match outcome.rest {
                Some(rest) => request = Request::Rest(rest),
                None => return Ok(keep_open),
            }
        }
    }

    async fn fail(&mut self, why: &str) -> io::Result<()> {
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

/// Closes a connection that exceeds the limit, with an error.
pub async fn reject(mut stream: TcpStream) {
    let _ = stream
        .write_all(b"-ERR max number of clients reached\r\n")
        .await;
}

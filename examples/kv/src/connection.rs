//! The connection of a client: reads commands, has OCaml run them in batches, writes the replies.

use crate::frame::{Command, Parser, ProtocolError};
use crate::kept::{Pending, Queue};
use ocaml_lwt_interop::{Bytes, FromOCaml, OCamlAsyncFunc, Rooted, ToOCaml, Workers};
use socket2::{SockRef, TcpKeepalive};
use std::future::Future;
use std::io;
use std::mem;
use std::net;
use std::pin::pin;
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

/// OCaml's function that answers requests.
pub type Handler = OCamlAsyncFunc<(Session, Request), Outcome>;

/// Answers requests in OCaml: on one domain of several, or on the calling one.
pub trait Answer {
    /// Returns the answer, or why there is none.
    fn answer(
        &self,
        session: Session,
        request: Request,
    ) -> impl Future<Output = Result<Outcome, String>>;
}

/// A domain of several, from any thread.
impl Answer for Workers<(Session, Request), Outcome> {
    async fn answer(&self, session: Session, request: Request) -> Result<Outcome, String> {
        let call = self.call((session, request)).map_err(|e| e.to_string())?;
        call.await.map_err(|e| e.to_string())
    }
}

/// The calling domain.
impl Answer for Handler {
    async fn answer(&self, session: Session, request: Request) -> Result<Outcome, String> {
        let call = self.call((session, request)).map_err(|e| e.to_string())?;
        call.await.map_err(|e| e.to_string())
    }
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

/// A connection, on the tokio runtime that serves it.
pub struct Connection {
    stream: TcpStream,
    client: Client,
}

/// A connection that no runtime serves.
pub struct Parked {
    stream: net::TcpStream,
    client: Client,
}

/// Everything but the socket. It is complete whenever no batch is under way.
struct Client {
    write_timeout: Duration,
    session: Session,
    parser: Parser,
    /// Bytes that were read and are not parsed yet.
    input: Vec<u8>,
    /// Replies, of which so many bytes are written.
    output: Vec<u8>,
    written: usize,
    /// The replies after these.
    rest: Option<Rooted<Pending>>,
    /// It is to be closed after the replies.
    closes: bool,
}

/// Why a connection is no longer served.
pub enum Ended {
    /// It is to be closed.
    Closed,
    /// It may go on elsewhere.
    Leaves,
}

impl Connection {
    pub fn new(stream: TcpStream, id: isize, limits: &Limits) -> io::Result<Self> {
        // Small replies are sent at once, and clients that vanished are detected.
        stream.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        let client = Client {
            write_timeout: limits.write_timeout,
            session: Session {
                id,
                resp: 2,
                ..Session::default()
            },
            parser: Parser::new(limits.max_bulk),
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            rest: None,
            closes: false,
        };
        Ok(Connection { stream, client })
    }

    /// Goes on with a connection on the runtime that calls this.
    pub fn resume(parked: Parked) -> io::Result<Self> {
        Ok(Connection {
            stream: TcpStream::from_std(parked.stream)?,
            client: parked.client,
        })
    }

    /// Takes the connection off its runtime.
    pub fn park(self) -> io::Result<Parked> {
        Ok(Parked {
            stream: self.stream.into_std()?,
            client: self.client,
        })
    }

    /// Serves the client until it disconnects, violates the protocol, `stopping` resolves while no
    /// complete command is there, or `leaving` resolves and no batch is under way. Nothing is read while a
    /// batch is under way, so TCP slows down a client that sends faster than it reads.
    pub async fn serve(
        &mut self,
        handler: &impl Answer,
        stopping: impl Future<Output = ()>,
        leaving: impl Future<Output = ()>,
    ) -> io::Result<Ended> {
        let (mut stopping, mut leaving) = (pin!(stopping), pin!(leaving));
        loop {
            tokio::select! {
                biased;
                () = &mut leaving => return Ok(Ended::Leaves),
                written = self.flush() => written?,
            }
            let client = &mut self.client;
            if let Some(rest) = client.rest.take() {
                client.answer(handler, Request::Rest(rest)).await;
                continue;
            }
            if client.closes {
                return Ok(Ended::Closed);
            }
            match client.batch() {
                Err(error) => client.fail(&format!("Protocol error: {error}")),
                Ok(batch) if !batch.is_empty() => {
                    client.answer(handler, Request::Batch(batch)).await;
                }
                Ok(_) => tokio::select! {
                    biased;
                    () = &mut leaving => return Ok(Ended::Leaves),
                    () = &mut stopping => return Ok(Ended::Closed),
                    read = self.read() => if read? == 0 { return Ok(Ended::Closed) },
                },
            }
        }
    }

    /// Reads some bytes. Nothing is lost if it is dropped.
    async fn read(&mut self) -> io::Result<usize> {
        let input = &mut self.client.input;
        if input.is_empty() {
            input.shrink_to(READ);
        }
        input.reserve(READ);
        self.stream.read_buf(input).await
    }

    /// Writes the output. If it is dropped, another call goes on.
    pub async fn flush(&mut self) -> io::Result<()> {
        let client = &mut self.client;
        while client.written < client.output.len() {
            let some = self.stream.write(&client.output[client.written..]);
            client.written += tokio::time::timeout(client.write_timeout, some).await??;
        }
        client.output = Vec::new();
        client.written = 0;
        Ok(())
    }
}

impl Client {
    /// Returns the commands that have arrived. An error is returned once the commands before it have
    /// run.
    fn batch(&mut self) -> Result<Vec<Command>, ProtocolError> {
        let mut input = &self.input[..];
        let mut batch = Vec::new();
        while batch.len() < BATCH_COMMANDS && self.input.len() - input.len() < BATCH_BYTES {
            match self.parser.next(&mut input) {
                Ok(Some(command)) => batch.push(command),
                Ok(None) => break,
                Err(error) if batch.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        let parsed = self.input.len() - input.len();
        self.input.drain(..parsed);
        Ok(batch)
    }

    /// Has OCaml answer a request.
    async fn answer(&mut self, handler: &impl Answer, request: Request) {
        let session = mem::take(&mut self.session);
        match handler.answer(session, request).await {
            Ok(outcome) => {
                self.output = outcome.reply.0;
                self.rest = outcome.rest;
                self.session = outcome.session;
                self.closes |= outcome.close;
            }
            Err(error) => self.fail(&format!("internal error: {error}")),
        }
    }

    fn fail(&mut self, why: &str) {
        let line = format!("-ERR {}\r\n", why.replace(['\r', '\n'], " "));
        self.output = line.into_bytes();
        self.closes = true;
    }
}

/// Closes a connection that exceeds the limit, with an error.
pub async fn reject(mut stream: TcpStream) {
    let _ = stream
        .write_all(b"-ERR max number of clients reached\r\n")
        .await;
}

/// Waits after a connection could not be accepted. Usually there is no descriptor left, until a client
/// disconnects.
pub async fn not_accepted() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

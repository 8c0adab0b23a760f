//! The bodies of requests, which handlers read while they arrive.

use crate::server::Limits;
use bytes::{Bytes, BytesMut};
use futures_lite::{Stream, stream};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::EXPECT;
use hyper::{Version, http};
use ocaml_lwt_interop::{OCamlException, OpaqueType, StandardException, ToOCaml, func};
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::timeout;

/// How much is read, and for how long, of a body that no handler reads to its end.
const DISCARDED_BYTES: usize = 64 << 20;
const DISCARDING: Duration = Duration::from_secs(5);

static READERS: AtomicIsize = AtomicIsize::new(0);

/// The body of a request. It is read once, by `parts` or by `whole`, before the request is answered; an answer of parts
/// ends with its last part. The client waits while nobody reads.
#[derive(OpaqueType)]
pub struct Body {
    state: Mutex<State>,
    /// Of a body that is read as a whole.
    max_bytes: usize,
    /// For a body that is read as a whole, or for each part.
    read_timeout: Duration,
    /// The client sends nothing before somebody reads.
    expects_continue: bool,
}

struct State {
    content: Content,
    /// Somebody has asked for a part.
    is_wanted: bool,
    reader: ReaderState,
}

enum Content {
    Arriving(Incoming),
    /// All of it has been read.
    Complete,
    /// No more of it can be read, for this reason.
    Broken(String),
}

enum ReaderState {
    /// The body was not taken.
    NotYet,
    Alive,
    /// It waits for a part.
    Waits(Waker),
    Dropped,
}

/// Why a body cannot be read.
#[derive(ToOCaml)]
pub enum Unreadable {
    /// It is longer than the server allows for a body that is read as a whole: 413.
    #[ocaml(name = "Too_long")]
    TooLong,
    /// It does not arrive in time: 408.
    #[ocaml(name = "Too_slow")]
    TooSlow,
    /// It is malformed, or the client has disconnected: 400.
    Broken(String),
}

/// A stream of the parts of a body has failed.
#[derive(OCamlException)]
#[ocaml(name = "Body_failed")]
pub struct BodyFailed(Unreadable);

#[func]
impl Body {
    /// Returns the parts of the body as they arrive, of up to 64 KiB, however many there are. Fails with
    /// `Body_failed` if the body is malformed, the client disconnects, or sends nothing for the read timeout. Raises
    /// `Invalid_argument` if the body was taken before.
    #[func(stream, tokio, raise)]
    pub fn parts(
        self: Arc<Self>,
    ) -> Result<impl Stream<Item = Result<Bytes, BodyFailed>> + use<>, StandardException> {
        let reader = Reader::new(self, "parts")?;
        Ok(stream::try_unfold(reader, |reader| async move {
            let part = reader.next_in_time().await.map_err(BodyFailed)?;
            Ok(part.map(|part| (part, reader)))
        }))
    }

    /// Returns the whole body, which has to arrive within the read timeout and within the server's limit. One whose
    /// `Content-Length` exceeds that is refused before it is sent. Raises `Invalid_argument` if the body was taken before.
    #[func(raise)]
    pub async fn whole(self: Arc<Self>) -> Result<Result<Bytes, Unreadable>, StandardException> {
        let limit = self.read_timeout;
        let reader = Reader::new(self, "whole")?;
        let read = timeout(limit, reader.read_to_end()).await;
        Ok(read.unwrap_or(Err(Unreadable::TooSlow)))
    }

    /// Returns the number of bodies that are being read.
    pub fn readers() -> isize {
        READERS.load(Ordering::Relaxed)
    }
}

impl Body {
    /// Returns the body of a request, if it has any.
    pub fn of(
        incoming: Incoming,
        head: &http::request::Parts,
        limits: &Limits,
    ) -> Option<Arc<Body>> {
        if incoming.is_end_stream() {
            return None;
        }
        let expect = head.headers.get(EXPECT);
        Some(Arc::new(Body {
            state: Mutex::new(State {
                content: Content::Arriving(incoming),
                is_wanted: false,
                reader: ReaderState::NotYet,
            }),
            max_bytes: limits.body_bytes,
            read_timeout: limits.read_timeout,
            expects_continue: head.version > Version::HTTP_10
                && expect.is_some_and(|e| e.as_bytes().eq_ignore_ascii_case(b"100-continue")),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it is locked")
    }

    fn poll_part(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Unreadable>> {
        let mut state = self.lock();
        state.is_wanted = true;
        loop {
            let incoming = match &mut state.content {
                Content::Arriving(incoming) => incoming,
                Content::Complete => return Poll::Ready(Ok(None)),
                Content::Broken(why) => {
                    return Poll::Ready(Err(Unreadable::Broken(why.clone())));
                }
            };
            let Poll::Ready(frame) = Pin::new(incoming).poll_frame(cx) else {
                let waits = ReaderState::Waits(cx.waker().clone());
                let before = mem::replace(&mut state.reader, waits);
                drop(state);
                drop(before);
                return Poll::Pending;
            };
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(part))) => return Poll::Ready(Ok(Some(part))),
                Some(Ok(Err(_trailers))) => {}
                None => state.content = Content::Complete,
                Some(Err(e)) => state.content = Content::Broken(e.to_string()),
            }
        }
    }
}

/// The only reader of a body.
struct Reader(Arc<Body>);

impl Reader {
    /// # Errors
    /// The body was taken before.
    fn new(body: Arc<Body>, function: &str) -> Result<Reader, StandardException> {
        {
            let mut state = body.lock();
            if !matches!(state.reader, ReaderState::NotYet) {
                return Err(StandardException::InvalidArgument(
                    format!("Body.{function}: the body of this request was taken before: it can be read once").into(),
                ));
            }
            state.reader = ReaderState::Alive;
        }
        READERS.fetch_add(1, Ordering::Relaxed);
        Ok(Reader(body))
    }

    async fn next(&self) -> Result<Option<Bytes>, Unreadable> {
        poll_fn(|cx| self.0.poll_part(cx)).await
    }

    async fn next_in_time(&self) -> Result<Option<Bytes>, Unreadable> {
        let part = timeout(self.0.read_timeout, self.next()).await;
        part.unwrap_or(Err(Unreadable::TooSlow))
    }

    async fn read_to_end(self) -> Result<Bytes, Unreadable> {
        let max = self.0.max_bytes;
        let announced = match &self.0.lock().content {
            Content::Arriving(incoming) => incoming.size_hint().lower(),
            _ => 0,
        };
        if announced > max as u64 {
            return Err(Unreadable::TooLong);
        }
        let mut body = BytesMut::new();
        while let Some(part) = self.next().await? {
            if body.len() + part.len() > max {
                return Err(Unreadable::TooLong);
            }
            body.extend_from_slice(&part);
        }
        Ok(body.freeze())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // A waker is dropped outside of the lock: it may be the last reference to code that reads.
        let before = mem::replace(&mut self.0.lock().reader, ReaderState::Dropped);
        drop(before);
        READERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The unread rest of a request's body, if it has one. Dropping it, once the request is answered, fails the reader and
/// discards the rest.
pub struct Rest(pub Option<Arc<Body>>);

impl Rest {
    /// Returns whether nothing will read the body to its end, so that the next request cannot be found. While parts of
    /// a response are sent, a reader of the body may go on.
    pub fn is_left(&self, sends_parts: bool) -> bool {
        let Some(body) = &self.0 else {
            return false;
        };
        let state = body.lock();
        let has_reader = matches!(state.reader, ReaderState::Alive | ReaderState::Waits(_));
        match &state.content {
            Content::Arriving(_) if sends_parts && has_reader => false,
            Content::Arriving(incoming) => !incoming.is_end_stream(),
            Content::Complete => false,
            Content::Broken(_) => true,
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        let Some(body) = self.0.take() else {
            return;
        };
        let mut state = body.lock();
        if !matches!(state.content, Content::Arriving(_)) {
            return;
        }
        let why = Content::Broken("the request was answered".to_owned());
        let content = mem::replace(&mut state.content, why);
        let reader = mem::replace(&mut state.reader, ReaderState::Dropped);
        let is_held_back = body.expects_continue && !state.is_wanted;
        drop(state);
        if let ReaderState::Waits(waker) = reader {
            waker.wake();
        }
        // A client that waits for `100 Continue` must not get it now.
        if let (Content::Arriving(incoming), false) = (content, is_held_back) {
            tokio::spawn(timeout(DISCARDING, discard(incoming)));
        }
    }
}

/// Reads on, so that the reply reaches a client that is still sending: closing a socket that has unread bytes
/// resets the connection. hyper closes it when the body has ended or is dropped.
async fn discard(mut body: Incoming) {
    let mut discarded = 0;
    while discarded < DISCARDED_BYTES {
        match body.frame().await {
            Some(Ok(frame)) => discarded += frame.data_ref().map_or(0, Bytes::len),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests;

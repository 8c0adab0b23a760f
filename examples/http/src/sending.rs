//! Bodies of responses that come part by part from a domain. Its handler has returned meanwhile, so the domain has to know
//! that it may not terminate.

use ocaml_lwt_interop::convert::{ConversionError, Source, types};
use ocaml_lwt_interop::{Bytes, Domain, FromOCaml, RemoteStream};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard};
use tokio::sync::watch;

/// The number of bodies of each domain.
static COUNTS: LazyLock<Mutex<HashMap<u64, watch::Sender<usize>>>> = LazyLock::new(Mutex::default);

fn counts() -> MutexGuard<'static, HashMap<u64, watch::Sender<usize>>> {
    COUNTS.lock().expect("no panic while it is locked")
}

/// Counts as a body of its domain until it is dropped.
struct Counted(u64);

impl Counted {
    fn new(domain: &Domain) -> Self {
        let mut counts = counts();
        counts
            .entry(domain.id())
            .or_default()
            .send_modify(|n| *n += 1);
        Counted(domain.id())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(count) = counts().get(&self.0) {
            count.send_modify(|n| *n -= 1);
        }
    }
}

/// The parts of a body.
pub struct Parts {
    pub stream: RemoteStream<Bytes>,
    _counted: Counted,
}

// A conversion of its own: it takes place on the domain, before the handler counts as finished.
// SAFETY: the stream is read, by its own conversion.
unsafe impl FromOCaml for Parts {
    const TYPE: &'static types::Type = <RemoteStream<Bytes> as FromOCaml>::TYPE;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let stream = RemoteStream::from_ocaml(value)?;
        Ok(Parts {
            _counted: Counted::new(stream.domain()),
            stream,
        })
    }
}

/// Waits until the bodies of a domain have been sent, or their clients have disconnected. It makes no new ones.
pub async fn all_sent(domain: &Domain) {
    let count = counts().get(&domain.id()).map(watch::Sender::subscribe);
    if let Some(mut count) = count {
        // It is never closed before.
        let _ = count.wait_for(|n| *n == 0).await;
        counts().remove(&domain.id());
    }
}

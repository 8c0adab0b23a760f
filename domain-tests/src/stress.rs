//! What the stress test needs besides what the other tests call: work that involves many domains
//! and threads at once, and a watch that does not depend on OCaml.

use crate::Int;
use futures_lite::future;
use ocaml::sys::Value as RawValue;
use ocaml_lwt_interop::{Domain, JoinError, domain, func, metrics};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

// ---- work

/// From domain to domain, each of which sends the next: the domains that were there, up to the
/// first one that was not.
#[func]
pub async fn stress_relay(ids: Vec<Int>) -> Vec<Int> {
    relay(ids).await
}

fn relay(mut ids: Vec<Int>) -> Pin<Box<dyn Future<Output = Vec<Int>>>> {
    Box::pin(async move {
        let here = domain::current().map_or(-1, |d| d.id() as Int);
        let mut seen = vec![here];
        let next = ids.pop().and_then(|id| domain::get(id as u64));
        if let Some(Ok(task)) = next.map(|next| next.spawn(move || relay(ids))) {
            seen.extend(task.await.unwrap_or_default());
        }
        seen
    })
}

/// From tokio, `n` tasks for each domain, and every third is cancelled: how many gave a value, were
/// cancelled, and lost their domain.
#[func(tokio)]
pub async fn stress_fan_out(ids: Vec<Int>, n: Int) -> (Int, Int, Int) {
    let domains: Vec<Domain> = ids
        .iter()
        .filter_map(|&id| domain::get(id as u64))
        .collect();
    let (mut values, mut cancelled) = (0, 0);
    let mut gone = (ids.len() - domains.len()) as Int * n;
    let mut tasks = Vec::new();
    for target in &domains {
        for i in 0..n {
            let work = move || async move {
                for _ in 0..i % 4 {
                    future::yield_now().await;
                }
            };
            match target.spawn(work) {
                Ok(mut task) => {
                    if i % 3 == 2 {
                        task.cancel();
                    }
                    tasks.push(task);
                }
                Err(_) => gone += 1,
            }
        }
    }
    for task in tasks {
        match task.await {
            Ok(()) => values += 1,
            Err(JoinError::Cancelled) => cancelled += 1,
            Err(JoinError::DomainTerminated { .. }) => gone += 1,
            // Neither is expected: the sum will tell.
            Err(_) => {}
        }
    }
    (values, cancelled, gone)
}

/// Ready at its second poll. Its waker stays with tokio, which uses it once more later, when
/// the domain may have ended.
#[func]
pub fn stress_late_wake(microseconds: Int) {
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        if polls == 2 {
            return Poll::Ready(());
        }
        let waker: Waker = cx.waker().clone();
        waker.wake_by_ref();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_micros(microseconds as u64)).await;
            waker.wake();
        });
        Poll::Pending
    })
    .await;
}

/// How many futures of all tags there are.
#[func(sync)]
pub fn stress_futures() -> Int {
    crate::failures::all_counted()
}

/// Bytes that `malloc` has given out and not got back. What it has got back it gives to the system.
#[func(sync)]
pub fn stress_allocated() -> Int {
    // SAFETY: both see to the allocator's own state only, under its locks.
    let info = unsafe {
        libc::malloc_trim(0);
        libc::mallinfo2()
    };
    (info.uordblks + info.hblkhd) as Int
}

// ---- the watch

/// What is under way, by number: its domain, what it is, since when.
static UNDER_WAY: Mutex<BTreeMap<isize, (isize, isize, Instant)>> = Mutex::new(BTreeMap::new());
/// What there is, by kind.
static KINDS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const UNIT: RawValue = 1;

fn int(v: RawValue) -> isize {
    v >> 1
}

/// `stress_quiet : unit -> unit` (noalloc): panics are not printed any more, and nobody asks for
/// their backtraces, whose symbols would take tens of megabytes bit by bit. To be called before
/// anything else, so that the runtime's own hook comes before this one.
#[unsafe(no_mangle)]
extern "C" fn stress_quiet(_unit: RawValue) -> RawValue {
    std::panic::set_hook(Box::new(|_| {}));
    // SAFETY: the process has one thread yet.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    UNIT
}

/// `stress_begin : int -> int -> int -> unit` (noalloc): work with this number and of this kind
/// begins on a domain.
#[unsafe(no_mangle)]
extern "C" fn stress_begin(number: RawValue, domain: RawValue, kind: RawValue) -> RawValue {
    let entry = (int(domain), int(kind), Instant::now());
    lock(&UNDER_WAY).insert(int(number), entry);
    UNIT
}

/// `stress_end : int -> unit` (noalloc): it has ended.
#[unsafe(no_mangle)]
extern "C" fn stress_end(number: RawValue) -> RawValue {
    lock(&UNDER_WAY).remove(&int(number));
    UNIT
}

/// Ends the process, with what is under way, if a single thing of that takes longer than `seconds`.
#[func(sync)]
pub fn stress_watch(kinds: Vec<String>, seconds: Int, advice: String) {
    *lock(&KINDS) = kinds;
    let patience = Duration::from_secs(seconds as u64);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let mut late: Vec<_> = lock(&UNDER_WAY).values().copied().collect();
            late.sort_by_key(|&(_, _, since)| since);
            if late
                .first()
                .is_some_and(|(_, _, since)| since.elapsed() > patience)
            {
                tell(&late);
                eprintln!("{advice}");
                // SAFETY: nothing of the process is used any more.
                unsafe { libc::_exit(3) };
            }
        }
    });
}

/// What hangs, the oldest first, and what the threads wait for.
fn tell(late: &[(isize, isize, Instant)]) {
    eprintln!("\nstress: it hangs. Under way, the oldest first:");
    let kinds = lock(&KINDS);
    for &(domain, kind, since) in late.iter().take(60) {
        let kind = kinds.get(kind as usize).map_or("?", String::as_str);
        let age = since.elapsed().as_secs_f64();
        eprintln!("  domain {domain:6}  {age:8.2} s  {kind}");
    }
    eprintln!("Rust knows these domains:");
    for domain in domain::all() {
        eprintln!("  {:6}  {:?}", domain.id(), domain.stats());
    }
    eprintln!("{:?}", metrics::totals());
    eprintln!("threads:");
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return;
    };
    for thread in threads.flatten() {
        let read = |file| std::fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let (name, waits_in) = (read("comm"), read("wchan"));
        eprintln!(
            "  {:?}  {}  {waits_in}",
            thread.file_name(),
            name.trim_end()
        );
    }
}

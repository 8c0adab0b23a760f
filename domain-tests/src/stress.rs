//! Functions of the stress test: work that involves many domains and threads at once, and a watchdog
//! that does not depend on OCaml.

use crate::Int;
use futures_lite::future;
use ocaml_lwt_interop::{Domain, JoinError, domain, func, metrics};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

// ---- work

/// Runs a task on each domain, spawned by the task on the one before. Returns the domains that ran
/// one, up to the first that has terminated.
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

/// Spawns `n` tasks on each domain, from tokio, and cancels every third. Returns the numbers of tasks
/// that returned, that were cancelled, and whose domain has terminated.
#[func(tokio)]
pub async fn stress_fan_out(ids: Vec<Int>, n: Int) -> (Int, Int, Int) {
    let domains: Vec<Domain> = ids
        .iter()
        .filter_map(|&id| domain::get(id as u64))
        .collect();
    let (mut values, mut cancelled) = (0, 0);
    let mut terminated = (ids.len() - domains.len()) as Int * n;
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
                Err(_) => terminated += 1,
            }
        }
    }
    for task in tasks {
        match task.await {
            Ok(()) => values += 1,
            Err(JoinError::Cancelled) => cancelled += 1,
            Err(JoinError::DomainTerminated { .. }) => terminated += 1,
            // No other error is expected: the caller checks the sum.
            Err(_) => {}
        }
    }
    (values, cancelled, terminated)
}

/// Ready at its second poll. A task of tokio keeps the waker and wakes it again later, when the domain
/// may have terminated.
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

/// Returns the number of futures of all tags.
#[func(sync)]
pub fn stress_futures() -> Int {
    crate::failures::all_counted()
}

/// Returns the number of bytes that are allocated by `malloc`, after it returned free memory to the
/// system.
#[func(sync)]
pub fn stress_allocated() -> Int {
    // SAFETY: both functions only use the allocator's state, under its locks.
    let info = unsafe {
        libc::malloc_trim(0);
        libc::mallinfo2()
    };
    (info.uordblks + info.hblkhd) as Int
}

// ---- the watchdog

/// The operations that have not ended, by number: domain, kind, and start.
static OPERATIONS: Mutex<BTreeMap<isize, (isize, isize, Instant)>> = Mutex::new(BTreeMap::new());
/// The names of the kinds of operations.
static KINDS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An OCaml value as C functions take it.
type RawValue = isize;

const UNIT: RawValue = 1;

fn int(v: RawValue) -> isize {
    v >> 1
}

/// `stress_quiet : unit -> unit` (noalloc): turns off the output and the backtraces of panics. The
/// symbols for backtraces would take tens of megabytes, little by little, which would look like a
/// leak. Must be called first, so that the runtime's hook is chained before this one.
#[unsafe(no_mangle)]
extern "C" fn stress_quiet(_unit: RawValue) -> RawValue {
    std::panic::set_hook(Box::new(|_| {}));
    // SAFETY: the program calls this first, when the process has no other thread.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    UNIT
}

/// `stress_begin : int -> int -> int -> unit` (noalloc): records that the operation with this number,
/// of this kind, begins on a domain.
#[unsafe(no_mangle)]
extern "C" fn stress_begin(number: RawValue, domain: RawValue, kind: RawValue) -> RawValue {
    let entry = (int(domain), int(kind), Instant::now());
    lock(&OPERATIONS).insert(int(number), entry);
    UNIT
}

/// `stress_end : int -> unit` (noalloc): records that the operation with this number has ended.
#[unsafe(no_mangle)]
extern "C" fn stress_end(number: RawValue) -> RawValue {
    lock(&OPERATIONS).remove(&int(number));
    UNIT
}

/// Starts the watchdog, which reports all operations and ends the process if one takes longer than
/// `seconds`.
#[func(sync)]
pub fn stress_watch(kinds: Vec<String>, seconds: Int, advice: String) {
    *lock(&KINDS) = kinds;
    let limit = Duration::from_secs(seconds as u64);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let mut operations: Vec<_> = lock(&OPERATIONS).values().copied().collect();
            operations.sort_by_key(|&(_, _, since)| since);
            if operations
                .first()
                .is_some_and(|(_, _, since)| since.elapsed() > limit)
            {
                report(&operations);
                eprintln!("{advice}");
                // SAFETY: `_exit` runs no destructor or handler, which other threads could disturb.
                unsafe { libc::_exit(3) };
            }
        }
    });
}

/// Prints the operations, oldest first, the domains, and the system calls that threads wait in.
fn report(operations: &[(isize, isize, Instant)]) {
    eprintln!("\nstress: an operation hangs. Operations that have not ended, oldest first:");
    let kinds = lock(&KINDS);
    for &(domain, kind, since) in operations.iter().take(60) {
        let kind = kinds.get(kind as usize).map_or("?", String::as_str);
        let age = since.elapsed().as_secs_f64();
        eprintln!("  domain {domain:6}  {age:8.2} s  {kind}");
    }
    eprintln!("domains that have an executor:");
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

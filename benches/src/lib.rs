//! The Rust functions that the benchmarks call from OCaml.

mod conversions;
mod streams;

use async_executor::LocalExecutor;
use futures_lite::future;
use ocaml_lwt_interop::{
    OCamlAsyncFunc, OCamlException, OCamlFunc, Promise, RemoteFunc, RuntimeToken, domain, func,
};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Instant;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Returns its argument. A call of it costs what any call into another language costs.
#[unsafe(no_mangle)]
pub extern "C" fn bench_c_call(value: isize) -> isize {
    value
}

/// Returns its argument.
#[func(sync, name = "bench_sync")]
pub fn sync(n: isize) -> isize {
    n
}

/// Returns its argument, as a plain number.
#[func(sync, noalloc)]
pub fn plain(n: isize) -> isize {
    n
}

/// Is ready at once.
#[func]
pub async fn ready(n: isize) -> isize {
    n
}

/// Is pending once.
#[func]
pub async fn r#yield() {
    future::yield_now().await;
}

/// Is pending until it is cancelled.
#[func]
pub async fn never() {
    future::pending().await
}

/// Awaits a Lwt promise.
#[func(raise)]
pub async fn r#await(promise: Promise<isize>) -> Result<isize, OCamlException> {
    promise.await
}

/// Spawns `times` tasks on the domain's executor, one after the other. Each yields once.
#[func(raise)]
pub async fn spawn_local(times: isize) -> Result<(), Error> {
    for _ in 0..times {
        domain::spawn_local(future::yield_now())?.await?;
    }
    Ok(())
}

/// Does the same with a `LocalExecutor`: the task that awaits the others is one of its tasks, too.
#[func(sync)]
pub fn local_executor(times: isize) {
    let executor = Rc::new(LocalExecutor::new());
    let spawner = executor.clone();
    let all = executor.spawn(async move {
        for _ in 0..times {
            spawner.spawn(future::yield_now()).await;
        }
    });
    future::block_on(executor.run(all));
}

/// Does the same with a current-thread runtime of tokio's.
#[func(sync, raise)]
pub fn tokio_current_thread(times: isize) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let all = runtime.spawn(async move {
        for _ in 0..times {
            tokio::spawn(future::yield_now()).await?;
        }
        Ok::<_, Error>(())
    });
    runtime.block_on(all)?
}

/// Yields once on a thread of tokio.
#[func(tokio)]
pub async fn tokio() {
    tokio::task::yield_now().await;
}

/// Returns the message that calls an OCaml function on Domain 0.
fn call(
    f: &RemoteFunc<(isize,), isize>,
) -> impl FnOnce(&RuntimeToken<'_>) -> isize + Send + 'static {
    let f = f.clone();
    move |token| f.call_now(token, (1,)).unwrap_or(0)
}

/// Calls an OCaml function on Domain 0 `times` times from a task on tokio.
#[func(raise)]
pub async fn call_domain_0(f: OCamlFunc<(isize,), isize>, times: isize) -> Result<(), Error> {
    let (domain_0, f) = (
        domain::main().ok_or("Domain 0 does not exist")?,
        f.remote()?,
    );
    let calls = tokio::spawn(async move {
        for _ in 0..times {
            domain_0
                .call(call(&f))
                .map_err(|_| "Domain 0 has terminated")?
                .await?;
        }
        Ok(())
    });
    calls.await?
}

/// Calls an OCaml function on this domain `times` times in total, from `tasks` tasks on tokio.
#[func(raise)]
pub async fn remote(
    f: OCamlAsyncFunc<(isize,), isize>,
    tasks: isize,
    times: isize,
) -> Result<(), Error> {
    let f = f.remote()?;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        let f = f.clone();
        all.spawn(async move {
            for i in 0..times / tasks {
                let call = f.call((i,)).map_err(|gone| gone.to_string())?;
                call.await.map_err(|e| e.to_string())?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(done) = all.join_next().await {
        done??;
    }
    Ok(())
}

/// Calls an OCaml function on Domain 0 `times` times from a thread that blocks during each call.
#[func(raise)]
pub async fn call_domain_0_blocking(
    f: OCamlFunc<(isize,), isize>,
    times: isize,
) -> Result<(), Error> {
    let (domain_0, f) = (
        domain::main().ok_or("Domain 0 does not exist")?,
        f.remote()?,
    );
    let calls = tokio::task::spawn_blocking(move || {
        for _ in 0..times {
            domain_0
                .call_blocking(call(&f))
                .map_err(|e| e.to_string())?;
        }
        Ok(())
    });
    calls.await?
}

/// Computes `steps` steps on each of `threads` threads, which share nothing.
#[func(sync)]
pub fn compute(threads: isize, steps: isize) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..steps).fold(1, |x: isize, i| black_box(x ^ i)));
        }
    });
}

/// Returns the nanoseconds since its first call.
#[func(sync)]
pub fn now() -> isize {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    FIRST.elapsed().as_nanos() as isize
}

/// Raises the limit of file descriptors to `wanted`, or as far as the system allows. Returns the new
/// limit.
#[func(sync)]
pub fn descriptors(wanted: isize) -> isize {
    let wanted = wanted as libc::rlim_t;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid `rlimit` for all three calls.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        if limit.rlim_cur < wanted {
            limit.rlim_cur = wanted.min(limit.rlim_max);
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        }
    }
    limit.rlim_cur as isize
}

/// Returns the number of bytes that `malloc` has allocated.
#[func(sync)]
pub fn malloc_bytes() -> isize {
    // SAFETY: `mallinfo2` has no preconditions.
    let info = unsafe { libc::mallinfo2() };
    (info.uordblks + info.hblkhd) as isize
}

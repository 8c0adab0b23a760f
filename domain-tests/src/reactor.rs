//! tokio on a domain's own thread.

use crate::{Error, Int};
use ocaml_lwt_interop::domain::with_token;
use ocaml_lwt_interop::{OCamlFunc, domain, func};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{LocalSet, spawn_local};

/// Returns `true` if the current tokio runtime is the domain's own.
#[func(sync)]
pub fn reactor_is_own() -> bool {
    Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread
}

/// Returns `true` if the current tokio runtime is the same after a poll that was pending as before.
#[func]
pub async fn reactor_stays() -> bool {
    let before = Handle::current().id();
    tokio::task::yield_now().await;
    before == Handle::current().id()
}

async fn serve(listener: TcpListener) -> std::io::Result<()> {
    let (mut stream, _) = listener.accept().await?;
    let mut buffer = [0; 1024];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

async fn ask(address: std::net::SocketAddr, rounds: Int) -> std::io::Result<Int> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut answered = 0;
    for i in 0..rounds {
        let question = i.to_le_bytes();
        let mut answer = [0; 8];
        stream.write_all(&question).await?;
        stream.read_exact(&mut answer).await?;
        answered += Int::from(question == answer);
    }
    Ok(answered)
}

/// Returns how many questions a server of this task answered, over a real connection.
#[func(raise)]
pub async fn reactor_echo(rounds: Int) -> Result<Int, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (served, answered) = tokio::join!(serve(listener), ask(address, rounds));
    served?;
    Ok(answered?)
}

/// The same with a server and a client that are tasks of tokio's.
#[func(raise)]
pub async fn reactor_spawned_echo(rounds: Int) -> Result<Int, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(serve(listener));
    let client = tokio::spawn(ask(address, rounds));
    server.await??;
    Ok(client.await??)
}

/// Returns whether a task of tokio's ran on the calling thread, and why it had no token.
#[func(raise)]
pub async fn reactor_spawned_where() -> Result<(bool, String), Error> {
    let here = thread::current().id();
    let task = tokio::spawn(async {
        tokio::task::yield_now().await;
        (thread::current().id(), with_token(|_| ()).err())
    });
    let (there, refused): (ThreadId, _) = task.await?;
    Ok((
        here == there,
        refused.map_or(String::new(), |e| e.to_string()),
    ))
}

/// Returns the sum of tasks of a `LocalSet`, which sleep, and have a token.
#[func(raise)]
pub async fn reactor_local_set(n: Int) -> Result<Int, Error> {
    let set = LocalSet::new();
    let sum = set.run_until(async move {
        let tasks: Vec<_> = (1..=n)
            .map(|i| {
                spawn_local(async move {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    with_token(|_| i).unwrap_or(0)
                })
            })
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap_or(0);
        }
        sum
    });
    Ok(sum.await)
}

/// Writes a file, reads it, and removes it.
#[func(raise)]
pub async fn reactor_file(path: String, text: String) -> Result<String, Error> {
    tokio::fs::write(&path, &text).await?;
    let read = tokio::fs::read_to_string(&path).await?;
    tokio::fs::remove_file(&path).await?;
    Ok(read)
}

/// Returns what a shell command writes.
#[func(raise)]
pub async fn reactor_process(command: String) -> Result<String, Error> {
    let output = tokio::process::Command::new("/bin/sh")
        .args(["-c", &command])
        .output()
        .await?;
    Ok(String::from_utf8(output.stdout)?)
}

/// Sends the process a signal, and waits for it.
#[func(raise)]
pub async fn reactor_signal() -> Result<(), Error> {
    let mut received = signal(SignalKind::user_defined2())?;
    // SAFETY: `signal` has installed a handler.
    unsafe { libc::kill(libc::getpid(), libc::SIGUSR2) };
    received.recv().await;
    Ok(())
}

/// Sleeps in tokio.
#[func]
pub async fn reactor_sleep(seconds: Duration) {
    tokio::time::sleep(seconds).await;
}

/// A connection whose other end nobody serves: readable when `reactor_write` writes.
static OTHER_ENDS: Mutex<Option<HashMap<Int, UnixStream>>> = Mutex::new(None);

/// Waits for a byte that `reactor_write` writes for this key.
#[func(raise)]
pub async fn reactor_read(key: Int) -> Result<u8, Error> {
    let (mut here, there) = UnixStream::pair()?;
    other_ends(|ends| ends.insert(key, there));
    Ok(here.read_u8().await?)
}

/// Writes a byte. Returns `false` if nobody waits for it.
#[func(raise)]
pub async fn reactor_write(key: Int, byte: u8) -> Result<bool, Error> {
    let Some(mut there) = other_ends(|ends| ends.remove(&key)) else {
        return Ok(false);
    };
    there.write_u8(byte).await?;
    Ok(true)
}

fn other_ends<R>(f: impl FnOnce(&mut HashMap<Int, UnixStream>) -> R) -> R {
    let mut ends = OTHER_ENDS.lock().unwrap_or_else(PoisonError::into_inner);
    f(ends.get_or_insert_default())
}

/// Counts the tasks of a tag that have been dropped.
static DROPPED: Mutex<Option<HashMap<Int, Int>>> = Mutex::new(None);

fn dropped<R>(f: impl FnOnce(&mut HashMap<Int, Int>) -> R) -> R {
    f(DROPPED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_default())
}

struct CountDrop(Int);

impl Drop for CountDrop {
    fn drop(&mut self) {
        dropped(|dropped| *dropped.entry(self.0).or_default() += 1);
    }
}

/// Spawns tasks on tokio that wait for ever, half of them for a socket or timer, and a blocking one that takes as long as
/// this.
#[func(raise)]
pub async fn reactor_leave_behind(tag: Int, tasks: Int, blocking: Duration) -> Result<(), Error> {
    for i in 0..tasks {
        let counted = CountDrop(tag);
        tokio::spawn(async move {
            let _counted = counted;
            if i % 2 == 0 {
                tokio::time::sleep(Duration::from_secs(1000)).await;
            } else {
                std::future::pending::<()>().await;
            }
        });
    }
    let counted = CountDrop(tag);
    let mut listener = Some(TcpListener::bind("127.0.0.1:0").await?);
    tokio::spawn(async move {
        let _counted = counted;
        if let Some(listener) = listener.take() {
            let _ = listener.accept().await;
        }
    });
    if !blocking.is_zero() {
        tokio::task::spawn_blocking(move || thread::sleep(blocking));
    }
    // They have been polled.
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(())
}

/// Returns how many of the tasks of a tag were dropped.
#[func(sync)]
pub fn reactor_dropped(tag: Int) -> Int {
    dropped(|dropped| dropped.get(&tag).copied().unwrap_or(0))
}

/// Spawns a task on tokio that is always ready, until the guard is dropped with this call's future.
#[func]
pub async fn reactor_beside_busy_task(seconds: Duration) -> Int {
    let busy = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    tokio::time::sleep(seconds).await;
    busy.abort();
    Int::from(busy.await.is_err())
}

/// Starts a task that sleeps for `delay`, and is busy from then on until the call is cancelled.
#[func]
pub async fn reactor_beside_later_busy_task(delay: Duration) {
    /// Ends the task.
    struct Abort(tokio::task::JoinHandle<()>);
    impl Drop for Abort {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let _busy = Abort(tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        loop {
            tokio::task::yield_now().await;
        }
    }));
    std::future::pending().await
}

/// Timers with wakers that panic.
static TIMERS: Mutex<Vec<std::pin::Pin<Box<tokio::time::Sleep>>>> = Mutex::new(Vec::new());

struct PanickingWaker;

impl std::task::Wake for PanickingWaker {
    fn wake(self: std::sync::Arc<Self>) {
        panic!("a waker of the test's");
    }
}

/// Leaves a waker that panics with a timer of tokio's.
#[func]
pub async fn reactor_panicking_waker() {
    let waker = std::sync::Arc::new(PanickingWaker).into();
    let mut timer = Box::pin(tokio::time::sleep(Duration::from_millis(1)));
    let pending =
        std::future::Future::poll(timer.as_mut(), &mut std::task::Context::from_waker(&waker));
    assert!(pending.is_pending());
    // It is there when the timer is due.
    TIMERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(timer);
}

/// Sends the calling thread SIGUSR1 after `seconds`, when it sleeps, and never ends.
#[func]
pub async fn reactor_interrupt(seconds: Duration) {
    // SAFETY: `pthread_self` has no preconditions.
    let target = unsafe { libc::pthread_self() };
    thread::spawn(move || {
        thread::sleep(seconds);
        // SAFETY: the thread runs until the domain ends, whose loop waits for the signal.
        unsafe { libc::pthread_kill(target, libc::SIGUSR1) };
    });
    std::future::pending().await
}

/// Calls the function in a stub.
#[func(sync, raise)]
pub fn reactor_calls(f: OCamlFunc<(), ()>) -> Result<(), Error> {
    with_token(|token| f.call(token, ()))??;
    Ok(())
}

/// Returns on tokio, at once.
#[func(tokio)]
pub async fn ready_tokio(text: String) -> String {
    text
}

/// Returns the error of a task of tokio's that would wait for the loop of its own thread.
#[func(raise)]
pub async fn reactor_waits_for_itself() -> Result<String, Error> {
    let home = domain::current().ok_or("no domain")?;
    let refused = tokio::spawn(async move { home.call_blocking(|_| ()).err() }).await?;
    Ok(refused.map_or(String::new(), |e| e.to_string()))
}

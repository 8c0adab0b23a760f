use super::*;
use crate::wake::mailbox::{Mailbox, Notifier};
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;

/// Records that it is dropped. The flag is relaxed, so loom shows an old value to a reader that is not
/// ordered after the drop.
struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        assert!(!self.0.swap(true, Relaxed), "dropped twice");
    }
}

fn guard() -> (Guard, Arc<AtomicBool>) {
    let dropped = Arc::new(AtomicBool::new(false));
    (Guard(dropped.clone()), dropped)
}

/// A cancellation races with a task's end: one wins, and the work is dropped before the handle yields.
#[test]
fn loom_cancelling_races_completion() {
    loom::model(|| {
        let (guard, dropped) = guard();
        let (mut handle, joined) = pair::<Arc<u8>>(1);
        let task = thread::spawn(move || {
            block_on(joined.run(async move {
                let _guard = guard;
                future::yield_now().await;
                Arc::new(7)
            }));
        });
        handle.cancel();
        handle.cancel();
        match block_on(handle) {
            Ok(value) => assert_eq!(*value, 7),
            Err(e) => assert_eq!(e, JoinError::Cancelled),
        }
        assert!(
            dropped.load(Relaxed),
            "the handle yielded before the work was dropped"
        );
        task.join().unwrap();
    });
}

/// A handle that is dropped, at any time, detaches the task. A value that is never taken is dropped:
/// loom fails if the `Arc` is leaked.
#[test]
fn loom_a_detached_task_goes_on() {
    loom::model(|| {
        let (guard, dropped) = guard();
        let (handle, joined) = pair::<Arc<u8>>(1);
        let task = thread::spawn(move || {
            let mut value = None;
            block_on(joined.run(async {
                let _guard = guard;
                future::yield_now().await;
                value.insert(Arc::new(7)).clone()
            }));
            assert!(value.is_some(), "stopped half-way");
        });
        drop(handle);
        task.join().unwrap();
        assert!(dropped.load(Relaxed));
    });
}

/// A task that is dropped before or after its first poll, as at a domain's end, fails its handle.
#[test]
fn loom_a_dropped_task_fails_its_handle() {
    for polls in 0..2 {
        loom::model(move || {
            let (guard, dropped) = guard();
            let (handle, joined) = pair::<()>(3);
            let task = thread::spawn(move || {
                let mut task = Box::pin(joined.run(async move {
                    let _guard = guard;
                    future::pending::<()>().await;
                }));
                for _ in 0..polls {
                    assert!(block_on(future::poll_once(&mut task)).is_none());
                }
            });
            assert_eq!(
                block_on(handle),
                Err(JoinError::DomainTerminated { domain: 3 })
            );
            task.join().unwrap();
            assert!(dropped.load(Relaxed));
        });
    }
}

struct NullNotifier;

impl Notifier for NullNotifier {
    fn notify(&self) {}
    fn clear(&self) {}
}

/// Work is sent to a domain that ends: either it is returned to its sender, or its handle yields an
/// outcome.
#[test]
fn loom_work_comes_back_or_its_handle_yields() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::<Joined<u8>, _>::new(NullNotifier));
        let sender = {
            let mailbox = mailbox.clone();
            thread::spawn(move || {
                let (handle, joined) = pair(5);
                match mailbox.send(joined) {
                    Err(back) => {
                        back.report(Ok(1));
                        assert_eq!(block_on(handle), Ok(1), "it is whole");
                        None
                    }
                    Ok(_) => Some(block_on(handle)),
                }
            })
        };
        let ran = mailbox
            .receive()
            .map(|joined| joined.report(Ok(7)))
            .is_some();
        mailbox.close(drop);
        match sender.join().unwrap() {
            Some(Ok(7)) => assert!(ran),
            Some(outcome) => {
                assert_eq!(outcome, Err(JoinError::DomainTerminated { domain: 5 }));
                assert!(!ran);
            }
            None => assert!(!ran),
        }
    });
}

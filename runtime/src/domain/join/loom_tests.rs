use super::*;
use crate::wake::mailbox::{Mailbox, Notifier};
use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

/// Records that it is dropped, in a cell whose accesses loom checks.
struct Guard(Arc<UnsafeCell<bool>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.with_mut(|dropped| {
            // SAFETY: loom fails the model if an access is not ordered with the others.
            assert!(!unsafe { dropped.replace(true) }, "dropped twice")
        });
    }
}

fn guard() -> (Guard, Arc<UnsafeCell<bool>>) {
    let dropped = Arc::new(UnsafeCell::new(false));
    (Guard(dropped.clone()), dropped)
}

fn is_dropped(guard: &UnsafeCell<bool>) -> bool {
    // SAFETY: loom fails the model if this read is not ordered with the write.
    guard.with(|dropped| unsafe { *dropped })
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
            is_dropped(&dropped),
            "the handle yielded before the work was dropped"
        );
        task.join().unwrap();
    });
}

/// A handle that is dropped, at any time, detaches the task. A value that nobody takes is dropped: loom
/// fails if the `Arc` is leaked.
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
        assert!(is_dropped(&dropped));
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
            assert!(is_dropped(&dropped));
        });
    }
}

struct NullNotifier;

impl Notifier for NullNotifier {
    fn notify(&self) {}
    fn clear(&self) {}
}

/// Work is sent to a domain that ends: either it comes back, or its handle yields an outcome.
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

use super::*;
use crate::wake::mailbox::{Mailbox, NullNotifier};
use loom::sync::Arc;
use loom::thread;

/// A `Resolver` on another thread, while OCaml may cancel and the domain ends: the promise is
/// resolved once, and the value is used, dropped on its domain, or returned to the resolver.
#[test]
fn loom_a_promise_is_resolved_once() {
    for cancels in [false, true] {
        loom::model(move || {
            let mailbox = Arc::new(Mailbox::new(NullNotifier));
            let calls = Calls::<()>::new();
            let key = calls.add(|_| None);
            let resolver = {
                let mailbox = mailbox.clone();
                thread::spawn(move || mailbox.send((key, Arc::new(7))).err())
            };
            let (mut resolved, mut here) = (0, 0);
            let receive = |resolved: &mut i32, here: &mut i32| {
                if let Some((key, value)) = mailbox.receive() {
                    assert_eq!(*value, 7);
                    *here += 1;
                    *resolved += i32::from(calls.complete(key).is_ok());
                }
            };
            receive(&mut resolved, &mut here);
            if cancels {
                resolved += i32::from(calls.is_open(key));
                calls.cancel(key);
            }
            receive(&mut resolved, &mut here);
            mailbox.close(|_| here += 1);
            // What is open now is for OCaml to resolve.
            resolved += i32::from(calls.is_open(key));
            calls.close();
            assert_eq!(resolved, 1);
            assert_eq!(here + i32::from(resolver.join().unwrap().is_some()), 1);
            assert_eq!(calls.complete(key), Err(AlreadyResolved));
        });
    }
}

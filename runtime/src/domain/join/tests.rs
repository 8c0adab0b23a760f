use super::*;

#[test]
fn cancelling_drops_the_work_and_detaching_does_not() {
    struct Flag<'a>(&'a std::cell::Cell<bool>);
    impl Drop for Flag<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = std::cell::Cell::new(false);
    let (mut handle, joined) = pair::<()>(1);
    let flag = Flag(&dropped);
    let mut task = Box::pin(joined.run(async {
        let _flag = flag;
        future::pending().await
    }));
    assert!(future::block_on(future::poll_once(&mut task)).is_none());
    handle.cancel();
    assert!(future::block_on(future::poll_once(&mut task)).is_some());
    assert!(dropped.get());
    assert_eq!(future::block_on(handle), Err(JoinError::Cancelled));

    let (handle, joined) = pair::<u8>(1);
    let mut task = Box::pin(joined.run(async {
        future::yield_now().await;
        7
    }));
    handle.detach();
    assert!(future::block_on(future::poll_once(&mut task)).is_none());
    assert!(future::block_on(future::poll_once(&mut task)).is_some());
}

#[test]
fn cancelled_work_is_dropped_before_its_handle_learns_of_it() {
    type Handle = std::cell::RefCell<JoinHandle<()>>;
    struct Looks<'a>(&'a Handle);
    impl Drop for Looks<'_> {
        fn drop(&mut self) {
            let polled = future::block_on(future::poll_once(&mut *self.0.borrow_mut()));
            assert!(polled.is_none());
        }
    }
    let (mut handle, joined) = pair::<()>(1);
    handle.cancel();
    let handle = Handle::new(handle);
    let looks = Looks(&handle);
    joined.compute(|| drop(looks));
    let outcome = future::block_on(handle.into_inner());
    assert_eq!(outcome, Err(JoinError::Cancelled));
}

#[test]
fn a_dropped_task_fails_with_domain_terminated() {
    let (handle, joined) = pair::<u8>(42);
    drop(joined.run(async { 1 }));
    assert_eq!(
        future::block_on(handle),
        Err(JoinError::DomainTerminated { domain: 42 })
    );
}

#[test]
fn spinning_for_a_task_that_is_dropped_fails_with_domain_terminated() {
    let (handle, joined) = pair::<u8>(42);
    drop(joined);
    let spin = AdaptiveSpin::new();
    spin.on_hit();
    assert_eq!(
        handle.wait_with(&spin),
        Err(JoinError::DomainTerminated { domain: 42 })
    );
}

#[test]
fn a_task_runs_although_its_handle_was_dropped_before() {
    let (handle, mut joined) = pair::<()>(1);
    handle.detach();
    assert!(!joined.is_cancelled());
    let ended = std::cell::Cell::new(false);
    let mut task = Box::pin(joined.run(async {
        future::yield_now().await;
        ended.set(true);
    }));
    assert!(future::block_on(future::poll_once(&mut task)).is_none());
    assert!(future::block_on(future::poll_once(&mut task)).is_some());
    assert!(ended.get());
}

#[test]
fn a_panic_is_an_error_of_the_handle() {
    let (handle, joined) = pair::<u8>(1);
    future::block_on(joined.run(async { panic!("ouch") }));
    match future::block_on(handle) {
        Err(JoinError::Panicked(p)) => assert_eq!(p.message, "ouch"),
        other => panic!("{other:?}"),
    }
}

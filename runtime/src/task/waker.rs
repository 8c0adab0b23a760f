//! The waker of a task: a [`TaskRef`] behind the standard library's interface.

use crate::task::raw::TaskRef;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// A waker that borrows a reference to the task, and has none of its own. Its clones have.
pub(super) struct WakerRef<'a> {
    waker: ManuallyDrop<Waker>,
    _task: PhantomData<&'a TaskRef>,
}

impl Deref for WakerRef<'_> {
    type Target = Waker;

    #[inline]
    fn deref(&self) -> &Waker {
        &self.waker
    }
}

/// A waker of `task`, which costs no reference.
#[inline]
pub(super) fn waker_ref(task: &TaskRef) -> WakerRef<'_> {
    // SAFETY: `VTABLE` does what `RawWakerVTable` asks for, on any thread. The waker is not dropped, and
    // it is used no longer than the borrow of `task` lasts, which keeps the task.
    let waker = unsafe { Waker::from_raw(raw_waker(task.as_ptr())) };
    WakerRef {
        waker: ManuallyDrop::new(waker),
        _task: PhantomData,
    }
}

/// The data of a waker is the pointer to the task, and the waker has a reference, which `wake` and
/// `drop` use up.
static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

fn raw_waker<T>(task: NonNull<T>) -> RawWaker {
    RawWaker::new(task.as_ptr().cast_const().cast(), &VTABLE)
}

/// The reference of a waker.
///
/// # Safety
/// `data` is that of a waker with this file's table. The result is dropped only if the waker is not
/// used afterwards.
unsafe fn task_ref(data: *const ()) -> ManuallyDrop<TaskRef> {
    // SAFETY: the data of a waker is the pointer to a task, which is not null, and by the contract of
    // this function the waker's reference is used up here, or the result is not dropped.
    let task = unsafe { TaskRef::from_raw(NonNull::new_unchecked(data.cast_mut().cast())) };
    ManuallyDrop::new(task)
}

/// # Safety
/// `data` is that of a waker with this file's table, which exists during the call.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: by the contract of this function the waker exists; its reference is not dropped here.
    let task = unsafe { task_ref(data) };
    raw_waker(TaskRef::clone(&task).into_raw())
}

/// # Safety
/// `data` is that of a waker with this file's table, which is not used afterwards.
unsafe fn wake(data: *const ()) {
    // SAFETY: by the contract of this function the waker is not used afterwards.
    let task = ManuallyDrop::into_inner(unsafe { task_ref(data) });
    task.wake_by_ref();
}

/// # Safety
/// `data` is that of a waker with this file's table, which exists during the call.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: by the contract of this function the waker exists; its reference is not dropped here.
    unsafe { task_ref(data) }.wake_by_ref();
}

/// # Safety
/// `data` is that of a waker with this file's table, which is not used afterwards.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: by the contract of this function the waker is not used afterwards.
    drop(ManuallyDrop::into_inner(unsafe { task_ref(data) }));
}

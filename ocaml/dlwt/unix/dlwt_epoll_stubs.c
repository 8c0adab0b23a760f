/* System calls of Dlwt_epoll.

   OCaml values: only numbers are passed and returned, and no function allocates but to
   raise. The kernel writes to C's stack, since the GC may move the array of events while
   the domain's lock is released. That array holds immediates only, so that no write
   barrier is needed.

   Errors: an error that describes a descriptor is returned; the others are raised. */

#ifndef __linux__
#error "dlwt.unix needs Linux: its engine waits with epoll."
#endif

#include <caml/memory.h>
#include <caml/mlvalues.h>
#include <caml/signals.h>
#include <caml/unixsupport.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

/* The same as in dlwt_epoll.ml. An event is generation . descriptor (32 bits) . bits (2). */
enum { READABLE = 1, WRITABLE = 2 };
enum { DONE, NO_ENTRY, EXISTS, NOT_PERMITTED, BAD_DESCRIPTOR };
#define DESCRIPTOR(event) ((int)(((event) >> 2) & 0xffffffff))

static const int operations[] = {EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};

#define MAX_EVENTS 256

/* How many forks lie between this process and the one that loaded dlwt. Written only in
   a child, which has one thread. */
static int forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void count_fork(void) { forks++; }
static void count_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

CAMLprim value dlwt_epoll_forks(value unit) {
  (void)unit;
  return Val_int(forks);
}

CAMLprim value dlwt_epoll_create(value unit) {
  int epfd = epoll_create1(EPOLL_CLOEXEC);
  (void)unit;
  if (epfd == -1) caml_uerror("epoll_create1", Nothing);
  pthread_once(&once, count_forks);
  return Val_int(epfd);
}

CAMLprim value dlwt_epoll_close(value epfd) {
  close(Int_val(epfd));
  return Val_unit;
}

CAMLprim value dlwt_epoll_control(value epfd, value operation, value v_event) {
  uintnat wanted = Long_val(v_event);
  struct epoll_event event;
  int op = operations[Int_val(operation)];
  event.events = (wanted & READABLE ? EPOLLIN : 0) | (wanted & WRITABLE ? EPOLLOUT : 0);
  event.data.u64 = wanted & ~(uintnat)(READABLE | WRITABLE);
  if (epoll_ctl(Int_val(epfd), op, DESCRIPTOR(wanted), &event) == 0) return Val_int(DONE);
  switch (errno) {
  case ENOENT: return Val_int(NO_ENTRY);
  case EEXIST: return Val_int(EXISTS);
  case EPERM: return Val_int(NOT_PERMITTED);
  case EBADF: return Val_int(BAD_DESCRIPTOR);
  default: caml_uerror("epoll_ctl", Nothing);
  }
}

/* A descriptor with an error is ready in both directions: its next use returns the error. */
static uintnat bits(uint32_t events) {
  return (events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? READABLE : 0) |
         (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) ? WRITABLE : 0);
}

/* A wait that does not block keeps the domain's lock: releasing it would wake the
   domain's backup thread if there are other domains. */
CAMLprim value dlwt_epoll_wait(value epfd, value v_events, value timeout) {
  CAMLparam1(v_events);
  struct epoll_event events[MAX_EVENTS];
  int max = Wosize_val(v_events) < MAX_EVENTS ? Wosize_val(v_events) : MAX_EVENTS;
  int i, n;
  if (timeout == Val_int(0))
    n = epoll_wait(Int_val(epfd), events, max, 0);
  else {
    caml_enter_blocking_section();
    n = epoll_wait(Int_val(epfd), events, max, Int_val(timeout));
    caml_leave_blocking_section();
  }
  if (n == -1) {
    if (errno != EINTR) caml_uerror("epoll_wait", Nothing);
    n = 0;
  }
  for (i = 0; i < n; i++)
    Field(v_events, i) = Val_long(events[i].data.u64 | bits(events[i].events));
  CAMLreturn(Val_int(n));
}

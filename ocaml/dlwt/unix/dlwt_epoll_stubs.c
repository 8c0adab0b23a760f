/* The kernel's side of Dlwt_epoll.

   OCaml: numbers go in and out; nothing allocates but to raise. The kernel writes to C's
   stack, since the array of events may move while the domain's lock is given back. That
   array holds immediates only, so they are stored without more ado.

   Errors: what says something about a descriptor is an answer, the rest is raised. */

#include "dlwt.h"
#include <caml/memory.h>
#include <caml/mlvalues.h>
#include <caml/signals.h>
#include <caml/unixsupport.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* As in dlwt_epoll.ml. An event is generation . number (32 bits) . bits (2). */
enum { READABLE = 1, WRITABLE = 2 };
enum { DONE, UNKNOWN, KNOWN, REFUSED, CLOSED };
#define NUMBER(event) ((int)(((event) >> 2) & 0xffffffff))

static const int operations[] = {EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};

#define MOST 256

/* How often this process has been forked off; other threads are not there then. */
static int forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void count_fork(void) { forks++; }
static void count_forks(void) { pthread_atfork(NULL, NULL, count_fork); }

value dlwt_epoll_forks(value unit) {
  (void)unit;
  return Val_int(forks);
}

value dlwt_epoll_create(value unit) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  (void)unit;
  if (set == -1) caml_uerror("epoll_create1", Nothing);
  pthread_once(&once, count_forks);
  return Val_int(set);
}

value dlwt_epoll_close(value set) {
  close(Int_val(set));
  return Val_unit;
}

value dlwt_epoll_control(value set, value operation, value v_event) {
  uintnat wanted = Long_val(v_event);
  struct epoll_event event;
  int op = operations[Int_val(operation)];
  event.events = (wanted & READABLE ? EPOLLIN : 0) | (wanted & WRITABLE ? EPOLLOUT : 0);
  event.data.u64 = wanted & ~(uintnat)(READABLE | WRITABLE);
  if (epoll_ctl(Int_val(set), op, NUMBER(wanted), &event) == 0) return Val_int(DONE);
  switch (errno) {
  case ENOENT: return Val_int(UNKNOWN);
  case EEXIST: return Val_int(KNOWN);
  case EPERM: return Val_int(REFUSED);
  case EBADF: return Val_int(CLOSED);
  default: caml_uerror("epoll_ctl", Nothing);
  }
}

/* A broken descriptor is ready for whoever waits, who will be told when he uses it. */
static uintnat bits(uint32_t events) {
  return (events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? READABLE : 0) |
         (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) ? WRITABLE : 0);
}

/* A wait that does not block keeps the domain's lock: giving it back wakes the domain's
   backup thread if there are other domains. */
value dlwt_epoll_wait(value set, value v_found, value timeout) {
  CAMLparam1(v_found);
  struct epoll_event found[MOST];
  int most = Wosize_val(v_found) < MOST ? Wosize_val(v_found) : MOST;
  int i, n;
  if (timeout == Val_int(0))
    n = epoll_wait(Int_val(set), found, most, 0);
  else {
    caml_enter_blocking_section();
    n = epoll_wait(Int_val(set), found, most, Int_val(timeout));
    caml_leave_blocking_section();
  }
  if (n == -1) {
    if (errno != EINTR) caml_uerror("epoll_wait", Nothing);
    n = 0;
  }
  for (i = 0; i < n; i++)
    Field(v_found, i) = Val_long(found[i].data.u64 | bits(found[i].events));
  CAMLreturn(Val_int(n));
}

value dlwt_epoll_now(value unit) {
  struct timespec now;
  (void)unit;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Val_long((intnat)now.tv_sec * 1000000000 + now.tv_nsec);
}

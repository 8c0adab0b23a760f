/* Signals: delivered to every domain that has subscribed to them. Only numbers are
   passed from and to OCaml. No function allocates but to raise, with the lock released. */

#define _GNU_SOURCE
#include "dlwt_mailbox.h"
#include "dlwt_signal_mask.h"
#include <caml/fail.h>
#include <caml/mlvalues.h>
#include <caml/signals.h>
#include <caml/unixsupport.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

CAMLextern int caml_convert_signal_number(int);

/* The targets of signals in mailboxes are written with this lock, and read without it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int slots_used; /* no slot from here on has a target */
static int installed[NSIG];    /* the process's handler is [on_signal] */

static intnat target_of(int signum, int slot) {
  _Atomic intnat *target = dlwt_mailbox_signal_target(slot, signum);
  return target == NULL ? 0 : *target;
}

static void on_signal(int signum) {
  int slot, saved_errno = errno;
  for (slot = 0; slot < slots_used; slot++) {
    intnat address = target_of(signum, slot);
    if (address != 0) dlwt_mailbox_send_signal(address, signum);
  }
  errno = saved_errno;
}

static int system_number(value v_signum) {
  int signum = caml_convert_signal_number(Int_val(v_signum));
  if (signum <= 0 || signum >= NSIG)
    caml_invalid_argument("Lwt_unix.on_signal: this system has no signal of that number");
  return signum;
}

CAMLprim value dlwt_signals_set(value v_signum, value v_address, value forwarded) {
  struct sigaction action;
  int signum = system_number(v_signum), error = 0, is_same;
  intnat address = Long_val(v_address);
  int slot = DLWT_SLOT(address);
  _Atomic intnat *target = dlwt_mailbox_signal_target(slot, signum);
  pthread_mutex_lock(&lock);
  /* Lwt_unix.reinstall_signal_handler sets the same notification again. */
  is_same = *target == address;
  if (slot >= slots_used) slots_used = slot + 1;
  *target = address;
  if (!Bool_val(forwarded) && (is_same || !installed[signum])) {
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    if (sigaction(signum, &action, NULL) == -1) {
      error = errno;
      *target = 0;
    } else
      installed[signum] = 1;
  }
  pthread_mutex_unlock(&lock);
  if (error != 0) caml_unix_error(error, "sigaction", Nothing);
  return Val_unit;
}

/* The caller holds the lock. With the last subscriber, the default action returns. */
static void unsubscribe(int signum, int slot) {
  int i;
  *dlwt_mailbox_signal_target(slot, signum) = 0;
  for (i = 0; i < slots_used; i++)
    if (target_of(signum, i) != 0) return;
  if (installed[signum]) {
    struct sigaction now;
    installed[signum] = 0;
    /* Another library may have installed a handler since. */
    if (sigaction(signum, NULL, &now) == 0 && now.sa_handler == on_signal)
      signal(signum, SIG_DFL);
  }
}

CAMLprim value dlwt_signals_remove(value v_signum, value v_address) {
  int signum = system_number(v_signum);
  pthread_mutex_lock(&lock);
  unsubscribe(signum, DLWT_SLOT(Long_val(v_address)));
  pthread_mutex_unlock(&lock);
  return Val_unit;
}

CAMLprim value dlwt_signals_remove_all(value v_address) {
  int signum, slot = DLWT_SLOT(Long_val(v_address));
  if (slot >= slots_used) return Val_unit;
  pthread_mutex_lock(&lock);
  for (signum = 1; signum < NSIG; signum++)
    if (target_of(signum, slot) != 0) unsubscribe(signum, slot);
  pthread_mutex_unlock(&lock);
  return Val_unit;
}

/* For an engine that catches the signal itself. */
CAMLprim value dlwt_signals_handle(value v_signum) {
  on_signal(system_number(v_signum));
  return Val_unit;
}

/* Signals: every domain that has subscribed to one is told. Only numbers come from
   OCaml and go there, and no function allocates but to raise, with the lock
   given back. */

#define _GNU_SOURCE
#include "dlwt.h"
#include <caml/fail.h>
#include <caml/mlvalues.h>
#include <caml/signals.h>
#include <caml/unixsupport.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

CAMLextern int caml_convert_signal_number(int);

/* Where a signal goes in each slot's mailbox, or zero. 2 MB of which only the
   pages in use are ever touched. */
static _Atomic intnat targets[NSIG][DLWT_SLOTS];
static _Atomic int slots_used; /* no slot from here on has a target */
static int installed[NSIG];    /* the process's handler is ours */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void on_signal(int signum) {
  int slot, saved_errno = errno;
  for (slot = 0; slot < slots_used; slot++) {
    intnat address = targets[signum][slot];
    if (address != 0) dlwt_send_signal(address, signum);
  }
  errno = saved_errno;
}

intnat dlwt_signal_address(int slot, int signum) { return targets[signum][slot]; }

static int system_number(value v_signum) {
  int signum = caml_convert_signal_number(Int_val(v_signum));
  if (signum <= 0 || signum >= NSIG)
    caml_invalid_argument("Lwt_unix.on_signal: this signal does not exist here");
  return signum;
}

CAMLprim value dlwt_signals_set(value v_signum, value v_address, value forwarded) {
  struct sigaction action;
  int signum = system_number(v_signum), error = 0, again;
  intnat address = Long_val(v_address);
  pthread_mutex_lock(&lock);
  /* The same notification again: reinstall_signal_handler. */
  again = targets[signum][DLWT_SLOT(address)] == address;
  if (DLWT_SLOT(address) >= slots_used) slots_used = DLWT_SLOT(address) + 1;
  targets[signum][DLWT_SLOT(address)] = address;
  if (!Bool_val(forwarded) && (again || !installed[signum])) {
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    if (sigaction(signum, &action, NULL) == -1) {
      error = errno;
      targets[signum][DLWT_SLOT(address)] = 0;
    } else
      installed[signum] = 1;
  }
  pthread_mutex_unlock(&lock);
  if (error != 0) caml_unix_error(error, "sigaction", Nothing);
  return Val_unit;
}

/* With the lock. The last subscriber gives the signal back. */
static void forget(int signum, int slot) {
  int i;
  targets[signum][slot] = 0;
  for (i = 0; i < slots_used; i++)
    if (targets[signum][i] != 0) return;
  if (installed[signum]) {
    struct sigaction now;
    installed[signum] = 0;
    /* Somebody may have put a handler on top of ours. */
    if (sigaction(signum, NULL, &now) == 0 && now.sa_handler == on_signal)
      signal(signum, SIG_DFL);
  }
}

CAMLprim value dlwt_signals_remove(value v_signum, value v_address) {
  int signum = system_number(v_signum);
  pthread_mutex_lock(&lock);
  forget(signum, DLWT_SLOT(Long_val(v_address)));
  pthread_mutex_unlock(&lock);
  return Val_unit;
}

void dlwt_signals_forget(int slot) {
  int signum;
  if (slot >= slots_used) return;
  pthread_mutex_lock(&lock);
  for (signum = 1; signum < NSIG; signum++)
    if (targets[signum][slot] != 0) forget(signum, slot);
  pthread_mutex_unlock(&lock);
}

/* For an engine that catches the signal itself. */
CAMLprim value dlwt_signals_handle(value v_signum) {
  on_signal(system_number(v_signum));
  return Val_unit;
}

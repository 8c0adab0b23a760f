/* Signal masks: code that a signal handler must not interrupt. */

#ifndef DLWT_SIGNAL_MASK_H
#define DLWT_SIGNAL_MASK_H

#include <pthread.h>
#include <signal.h>

#ifndef NSIG
#define NSIG 65
#endif

/* Blocks all signals in the calling thread. Stores the previous mask in [*saved]. */
static inline void dlwt_block_signals(sigset_t *saved) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, saved);
}

static inline void dlwt_restore_signals(const sigset_t *saved) {
  pthread_sigmask(SIG_SETMASK, saved, NULL);
}

#endif

/* The C side of dlwt.unix: what replaces the process-wide parts of lwt.unix.
   It needs the installed lwt_unix.h and nothing else of Lwt. */

#ifndef DLWT_H
#define DLWT_H

#ifndef __linux__
#error "dlwt.unix needs Linux: it wakes domains through eventfd."
#endif

#include <caml/mlvalues.h>
#include <signal.h>

/* The address of a notification says which mailbox it goes to:
   generation (20 bits) . slot (12 bits) . number within the mailbox (30 bits).
   A slot is used again once its domain has ended; the generation tells the old
   owner's addresses from the new one's, until it has wrapped around a million
   times over. Zero is nobody's address. */
#define DLWT_SLOTS 4096
#define DLWT_SLOT(address) (((address) >> 30) & 0xfff)
#define DLWT_GENERATION(address) (((address) >> 42) & 0xfffff)
#define DLWT_ADDRESS(generation, slot) (((intnat)(generation) << 42) | ((intnat)(slot) << 30))

#ifndef NSIG
#define NSIG 65
#endif

struct dlwt_mailbox;

/* Sends a notification. Callable from any thread, with or without a domain. An
   address whose mailbox has closed is counted as dropped. */
void dlwt_send(intnat address);

/* The same for a thread that has all signals blocked. */
void dlwt_send_blocked(intnat address);

/* Tells a mailbox of a signal. Async-signal-safe: it does not allocate, and no
   thread allocates while it holds a mailbox's lock. */
void dlwt_send_signal(intnat address, int signum);

/* Locks the mailbox of an address if it is still that owner's, with signals
   blocked, or returns NULL. */
struct dlwt_mailbox *dlwt_mailbox_lock(intnat address, sigset_t *saved);
void dlwt_mailbox_unlock(struct dlwt_mailbox *box, sigset_t *saved);

/* The address that a signal goes to in a slot's mailbox, or zero. */
intnat dlwt_signal_address(int slot, int signum);

/* The domain in that slot has ended: it gets no more signals. */
void dlwt_signals_forget(int slot);

/* The threads that ran jobs are not in a forked child. */
void dlwt_jobs_after_fork(void);

void dlwt_block_signals(sigset_t *saved);
void dlwt_restore_signals(sigset_t *saved);

#endif

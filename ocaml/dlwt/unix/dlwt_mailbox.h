/* What the C code of other modules needs of mailboxes. Mailboxes use no other module. */

#ifndef DLWT_MAILBOX_H
#define DLWT_MAILBOX_H

#include <caml/mlvalues.h>

/* The address of a notification names its mailbox:
   generation (20 bits) . slot (12 bits) . number within the mailbox (30 bits).
   A slot is reused when its domain has terminated. The generation distinguishes
   the addresses of the previous owner from those of the new one, until it wraps
   around after a million owners. Zero is not an address. */
#define DLWT_SLOTS 4096
#define DLWT_SLOT(address) (((address) >> 30) & 0xfff)
#define DLWT_GENERATION(address) (((address) >> 42) & 0xfffff)
#define DLWT_ADDRESS(generation, slot) (((intnat)(generation) << 42) | ((intnat)(slot) << 30))

/* Sends a notification. Any thread, with or without a domain, that has all
   signals blocked. Counts it as dropped if the mailbox is closed. */
void dlwt_mailbox_send_masked(intnat address);

/* The address that a signal is delivered to in the mailbox of a slot: zero if the
   domain has not subscribed to the signal, NULL if the slot has never had a
   mailbox. The pointer stays valid. */
_Atomic intnat *dlwt_mailbox_signal_target(int slot, int signum);

/* Marks a signal as pending in the mailbox of an address, if that is open, and
   wakes its domain. Async-signal-safe: it does not allocate, and no thread
   allocates while it holds a mailbox's lock. */
void dlwt_mailbox_send_signal(intnat address, int signum);

#endif

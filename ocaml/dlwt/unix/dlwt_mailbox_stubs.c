/* Mailboxes: how code outside of a domain's loop notifies that loop. A mailbox is a
   queue of notifications and an eventfd that the domain's engine waits for.

   OCaml values: addresses are immediate, and a mailbox holds no value. Two
   functions allocate, each once and without a lock: [open] when the mailbox is
   complete, [receive] when the queue no longer holds what it returns. Both results
   are small and filled at once with immediates, so that no signal handler runs in between.

   Memory: a mailbox is never freed. [open] makes its queue and its eventfd, and
   [close] frees them; only the first caller of [close] finds the mailbox open. A
   sender that needs a larger queue installs it under the lock, and frees
   the one that is not in use afterwards, the old or the new. */

#ifndef __linux__
#error "dlwt.unix needs Linux: it wakes domains through eventfd."
#endif

#include "dlwt_mailbox.h"
#include "dlwt_signal_mask.h"
#include "lwt_unix.h"
#include <caml/alloc.h>
#include <caml/fail.h>
#include <caml/memory.h>
#include <caml/unixsupport.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
  /* Held for a few instructions, with signals blocked and without allocating: a
     signal handler may take it. */
  pthread_mutex_t lock;
  int is_open;
  int fd;
  int notified; /* the eventfd has been written to */
  intnat generation;
  intnat *queue;
  size_t length, capacity;
  uint64_t pending_signals[(NSIG + 63) / 64]; /* one bit each */
  _Atomic intnat signal_targets[NSIG];        /* accessed without the lock */
};

/* A mailbox is never freed, so that a sender looks it up without a lock. */
static struct mailbox *_Atomic mailboxes[DLWT_SLOTS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_long dropped;

/* Locks the mailbox of an address, or returns NULL if that is closed. Signals are blocked. */
static struct mailbox *lock_masked(intnat address) {
  struct mailbox *box = mailboxes[DLWT_SLOT(address)];
  if (address == 0 || box == NULL) return NULL;
  pthread_mutex_lock(&box->lock);
  if (box->is_open && box->generation == DLWT_GENERATION(address)) return box;
  pthread_mutex_unlock(&box->lock);
  return NULL;
}

/* The same, and blocks signals until [unlock_mailbox]. */
static struct mailbox *lock_mailbox(intnat address, sigset_t *saved) {
  struct mailbox *box;
  dlwt_block_signals(saved);
  box = lock_masked(address);
  if (box == NULL) dlwt_restore_signals(saved);
  return box;
}

static void unlock_mailbox(struct mailbox *box, const sigset_t *saved) {
  pthread_mutex_unlock(&box->lock);
  dlwt_restore_signals(saved);
}

/* The caller holds the lock. */
static void notify(struct mailbox *box) {
  uint64_t one = 1;
  if (box->notified) return;
  box->notified = 1;
  while (write(box->fd, &one, sizeof one) == -1 && errno == EINTR) continue;
}

void dlwt_mailbox_send_masked(intnat address) {
  struct mailbox *box;
  intnat *larger = NULL;
  size_t capacity = 0;
  for (;;) {
    size_t needed;
    box = lock_masked(address);
    if (box == NULL) {
      free(larger);
      if (address != 0) dropped++;
      return;
    }
    if (box->length < box->capacity) break;
    if (capacity > box->capacity) {
      intnat *smaller = box->queue;
      memcpy(larger, smaller, box->length * sizeof *larger);
      box->queue = larger;
      box->capacity = capacity;
      larger = smaller;
      break;
    }
    /* Allocates without the lock, then checks again. */
    needed = 2 * box->capacity;
    pthread_mutex_unlock(&box->lock);
    free(larger);
    capacity = needed;
    larger = lwt_unix_malloc(capacity * sizeof *larger);
  }
  box->queue[box->length++] = address;
  notify(box);
  pthread_mutex_unlock(&box->lock);
  free(larger);
}

_Atomic intnat *dlwt_mailbox_signal_target(int slot, int signum) {
  struct mailbox *box = mailboxes[slot];
  return box == NULL ? NULL : &box->signal_targets[signum];
}

void dlwt_mailbox_send_signal(intnat address, int signum) {
  sigset_t saved;
  struct mailbox *box = lock_mailbox(address, &saved);
  if (box == NULL) return;
  box->pending_signals[signum / 64] |= (uint64_t)1 << (signum % 64);
  notify(box);
  unlock_mailbox(box, &saved);
}

CAMLprim value dlwt_mailbox_send(value v_address) {
  sigset_t saved;
  dlwt_block_signals(&saved);
  dlwt_mailbox_send_masked(Long_val(v_address));
  dlwt_restore_signals(&saved);
  return Val_unit;
}

CAMLprim value dlwt_mailbox_dropped(value unit) {
  (void)unit;
  return Val_long(dropped);
}

static struct mailbox *new_mailbox(void) {
  struct mailbox *box = lwt_unix_malloc(sizeof *box);
  memset(box, 0, sizeof *box);
  pthread_mutex_init(&box->lock, NULL);
  return box;
}

/* Returns the address with number 0 in a new mailbox, and its eventfd. */
CAMLprim value dlwt_mailbox_open(value unit) {
  CAMLparam1(unit);
  CAMLlocal1(result);
  sigset_t saved;
  intnat address = 0;
  struct mailbox *spare, *box = NULL;
  intnat *queue;
  const size_t capacity = 64;
  int slot, fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd == -1) caml_uerror("eventfd", Nothing);
  spare = new_mailbox();
  queue = lwt_unix_malloc(capacity * sizeof *queue);
  dlwt_block_signals(&saved);
  pthread_mutex_lock(&slots_lock);
  for (slot = 0; slot < DLWT_SLOTS; slot++) {
    box = mailboxes[slot];
    if (box == NULL) {
      box = mailboxes[slot] = spare;
      spare = NULL;
    }
    /* Mailboxes are opened under slots_lock only. */
    pthread_mutex_lock(&box->lock);
    if (!box->is_open) break;
    pthread_mutex_unlock(&box->lock);
  }
  if (slot < DLWT_SLOTS) {
    box->is_open = 1;
    box->fd = fd;
    box->generation = (box->generation + 1) & 0xfffff;
    if (box->generation == 0) box->generation = 1; /* so that no address is 0 */
    box->queue = queue;
    box->capacity = capacity;
    box->length = 0;
    box->notified = 0;
    memset(box->pending_signals, 0, sizeof box->pending_signals);
    address = DLWT_ADDRESS(box->generation, slot);
    pthread_mutex_unlock(&box->lock);
  }
  pthread_mutex_unlock(&slots_lock);
  dlwt_restore_signals(&saved);
  if (spare != NULL) {
    pthread_mutex_destroy(&spare->lock);
    free(spare);
  }
  if (slot == DLWT_SLOTS) {
    close(fd);
    free(queue);
    caml_failwith("dlwt: more than 4096 domains use Lwt at once");
  }
  result = caml_alloc_tuple(2);
  Store_field(result, 0, Val_long(address));
  Store_field(result, 1, Val_int(fd));
  CAMLreturn(result);
}

CAMLprim value dlwt_mailbox_close(value v_address) {
  sigset_t saved;
  intnat *queue;
  struct mailbox *box = lock_mailbox(Long_val(v_address), &saved);
  if (box == NULL) return Val_unit;
  box->is_open = 0;
  dropped += box->length;
  queue = box->queue;
  box->queue = NULL;
  box->length = box->capacity = 0;
  close(box->fd);
  unlock_mailbox(box, &saved);
  free(queue);
  return Val_unit;
}

/* Returns the addresses sent since the last call, oldest first, then one for each
   pending signal. If there are too many for one call, the domain is notified again. */
CAMLprim value dlwt_mailbox_receive(value v_address) {
  sigset_t saved;
  uint64_t count;
  enum { AT_ONCE = 128 };
  intnat received[AT_ONCE + NSIG];
  size_t n, i;
  int signum;
  value result;
  struct mailbox *box = lock_mailbox(Long_val(v_address), &saved);
  if (box == NULL) return Atom(0);
  while (read(box->fd, &count, sizeof count) == -1 && errno == EINTR) continue;
  box->notified = 0;
  n = box->length < AT_ONCE ? box->length : AT_ONCE;
  memcpy(received, box->queue, n * sizeof *received);
  box->length -= n;
  if (box->length > 0) {
    memmove(box->queue, box->queue + n, box->length * sizeof *box->queue);
    notify(box);
  }
  for (signum = 1; signum < NSIG; signum++)
    if (box->pending_signals[signum / 64] & ((uint64_t)1 << (signum % 64))) {
      intnat target = box->signal_targets[signum];
      if (target != 0) received[n++] = target;
    }
  memset(box->pending_signals, 0, sizeof box->pending_signals);
  unlock_mailbox(box, &saved);
  /* May run the GC, so the lock must be free. */
  result = caml_alloc_tuple(n);
  for (i = 0; i < n; i++) Field(result, i) = Val_long(received[i]);
  return result;
}

/* In a forked child, whose only domain is the caller's. The old eventfd is the
   parent's, and a lock that another thread held would stay locked. */
CAMLprim value dlwt_mailbox_after_fork(value v_address) {
  struct mailbox *box = mailboxes[DLWT_SLOT(Long_val(v_address))];
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd == -1) caml_uerror("eventfd", Nothing);
  pthread_mutex_init(&slots_lock, NULL);
  pthread_mutex_init(&box->lock, NULL);
  close(box->fd);
  box->fd = fd;
  box->length = 0;
  box->notified = 0;
  memset(box->pending_signals, 0, sizeof box->pending_signals);
  return Val_int(fd);
}

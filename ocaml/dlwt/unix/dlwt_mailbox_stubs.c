/* Mailboxes: how code outside of a domain's loop notifies that loop. A mailbox is a
   queue of notifications and an eventfd that the domain's engine waits for.

   Two buffers: senders fill the queue under the lock. [receive] exchanges it for the
   buffer that the domain has emptied, whatever their lengths, and the domain takes
   addresses from that one by one, without a lock.

   OCaml values: addresses are immediate, and a mailbox holds no value. Only [open]
   allocates, without a lock, when the mailbox is complete.

   Memory: a mailbox is never freed. [open] makes its queue and its eventfd, and
   [close] frees them; only the first caller of [close] finds the mailbox open. A
   sender that needs a larger queue installs it under the lock, and frees
   the one that is not in use afterwards, the old or the new. [receive] frees an
   emptied buffer that was large. */

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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SIGNAL_WORDS ((NSIG + 63) / 64)
#define MIN_CAPACITY 64
/* A larger buffer is freed when it is empty. */
#define MAX_KEPT 4096

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
  uint64_t pending_signals[SIGNAL_WORDS]; /* one bit each */
  _Atomic intnat signal_targets[NSIG];    /* accessed without the lock */
  /* What the domain has received: used by its own thread only. */
  intnat *taken;
  size_t taken_next, taken_length, taken_capacity;
  uint64_t taken_signals[SIGNAL_WORDS];
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
    needed = box->capacity < MIN_CAPACITY ? MIN_CAPACITY : 2 * box->capacity;
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

void dlwt_mailbox_send_notification(intnat address) {
  sigset_t saved;
  dlwt_block_signals(&saved);
  dlwt_mailbox_send_masked(address);
  dlwt_restore_signals(&saved);
}

CAMLprim value dlwt_mailbox_send(value v_address) {
  dlwt_mailbox_send_notification(Long_val(v_address));
  return Val_unit;
}

/* What a thread sends when it ends: a list that is the value of a key. The thread calls
   the key's destructor after its function has returned, and so the first thread of a
   domain after all that OCaml does for the domain: [Domain.join] does not wait then. */
struct ending {
  intnat address;
  struct ending *next;
};

static pthread_key_t endings;
static pthread_once_t endings_once = PTHREAD_ONCE_INIT;
static int endings_error;

static void send_endings(void *list) {
  struct ending *ending = list;
  while (ending != NULL) {
    struct ending *next = ending->next;
    dlwt_mailbox_send_notification(ending->address);
    free(ending);
    ending = next;
  }
}

static void make_endings(void) { endings_error = pthread_key_create(&endings, send_endings); }

/* The address is that of a mailbox, so the key was made when that was opened. */
CAMLprim value dlwt_mailbox_send_at_thread_end(value v_address) {
  struct ending *ending = malloc(sizeof *ending);
  if (ending != NULL) {
    ending->address = Long_val(v_address);
    ending->next = pthread_getspecific(endings);
  }
  if (ending == NULL || pthread_setspecific(endings, ending) != 0) {
    /* As in lwt_unix_malloc. */
    perror("dlwt: no memory for a thread that starts");
    abort();
  }
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
  const size_t capacity = MIN_CAPACITY;
  int slot, fd;
  pthread_once(&endings_once, make_endings);
  if (endings_error != 0) caml_unix_error(endings_error, "pthread_key_create", Nothing);
  fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
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
    box->taken = NULL;
    box->taken_next = box->taken_length = box->taken_capacity = 0;
    memset(box->taken_signals, 0, sizeof box->taken_signals);
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
  intnat *queue, *taken;
  struct mailbox *box = lock_mailbox(Long_val(v_address), &saved);
  if (box == NULL) return Val_unit;
  box->is_open = 0;
  dropped += box->length + box->taken_length - box->taken_next;
  queue = box->queue;
  box->queue = NULL;
  box->length = box->capacity = 0;
  taken = box->taken;
  box->taken = NULL;
  box->taken_next = box->taken_length = box->taken_capacity = 0;
  close(box->fd);
  unlock_mailbox(box, &saved);
  free(queue);
  free(taken);
  return Val_unit;
}

/* Receives what has been sent. Returns false, and leaves the queue as it is, if the domain
   has not taken all that it received before. */
CAMLprim value dlwt_mailbox_receive(value v_address) {
  sigset_t saved;
  uint64_t count;
  intnat *emptied = NULL;
  int i, is_empty;
  struct mailbox *box = lock_mailbox(Long_val(v_address), &saved);
  if (box == NULL) return Val_true;
  while (read(box->fd, &count, sizeof count) == -1 && errno == EINTR) continue;
  box->notified = 0;
  is_empty = box->taken_next == box->taken_length;
  if (is_empty) {
    intnat *buffer = box->taken;
    size_t capacity = box->taken_capacity;
    if (capacity > MAX_KEPT) {
      emptied = buffer;
      buffer = NULL;
      capacity = 0;
    }
    box->taken = box->queue;
    box->taken_capacity = box->capacity;
    box->taken_length = box->length;
    box->taken_next = 0;
    box->queue = buffer;
    box->capacity = capacity;
    box->length = 0;
  }
  for (i = 0; i < SIGNAL_WORDS; i++) box->taken_signals[i] |= box->pending_signals[i];
  memset(box->pending_signals, 0, sizeof box->pending_signals);
  unlock_mailbox(box, &saved);
  free(emptied);
  return Val_bool(is_empty);
}

/* The first signal whose bit is set, or 0. */
static int first_signal(const struct mailbox *box) {
  int i;
  for (i = 0; i < SIGNAL_WORDS; i++)
    if (box->taken_signals[i] != 0) return 64 * i + __builtin_ctzll(box->taken_signals[i]);
  return 0;
}

static void clear_signal(struct mailbox *box, int signum) {
  box->taken_signals[signum / 64] &= ~((uint64_t)1 << (signum % 64));
}

/* Returns the first address that has been received, or 0: what was sent, oldest first,
   then the targets of signals. [dlwt_mailbox_advance] takes it. Both are for the mailbox's
   own domain, as long as it is open, and neither allocates nor polls. */
CAMLprim value dlwt_mailbox_first(value v_address) {
  struct mailbox *box = mailboxes[DLWT_SLOT(Long_val(v_address))];
  int signum;
  if (box->taken_next < box->taken_length) return Val_long(box->taken[box->taken_next]);
  while ((signum = first_signal(box)) != 0) {
    intnat target = box->signal_targets[signum];
    if (target != 0) return Val_long(target);
    clear_signal(box, signum);
  }
  return Val_long(0);
}

CAMLprim value dlwt_mailbox_advance(value v_address) {
  struct mailbox *box = mailboxes[DLWT_SLOT(Long_val(v_address))];
  if (box->taken_next < box->taken_length)
    box->taken_next++;
  else
    clear_signal(box, first_signal(box));
  return Val_unit;
}

/* Has the domain receive again in its next iteration. */
CAMLprim value dlwt_mailbox_notify(value v_address) {
  sigset_t saved;
  struct mailbox *box = lock_mailbox(Long_val(v_address), &saved);
  if (box == NULL) return Val_unit;
  notify(box);
  unlock_mailbox(box, &saved);
  return Val_unit;
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
  box->taken_next = box->taken_length = 0;
  memset(box->taken_signals, 0, sizeof box->taken_signals);
  return Val_int(fd);
}

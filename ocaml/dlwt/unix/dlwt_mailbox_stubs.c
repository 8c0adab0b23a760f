/* Mailboxes: how anything outside a domain's loop tells that loop something.
   Each has a queue and an eventfd that the domain's engine watches.

   OCaml: addresses are immediate; a mailbox holds no value. Two functions
   allocate, each once, without a lock: open when the mailbox is complete, receive
   when it has taken out what it returns. What they allocate is filled at once, with
   immediates, and small: no signal handler runs in between.

   Memory: a mailbox stays for ever. Its queue and its eventfd are made by open and
   given back by close, which only the first caller gets past [alive]; a sender
   that needs a larger queue swaps it in under the lock and frees the one that it
   has afterwards, the old or the new. */

#include "dlwt.h"
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

struct dlwt_mailbox {
  /* Held for a few instructions, with signals blocked and without allocating:
     a signal handler may take it. */
  pthread_mutex_t lock;
  int alive;
  int fd;
  intnat generation;
  intnat *queue;
  size_t length, capacity;
  uint64_t signals[(NSIG + 63) / 64]; /* pending ones, one bit each */
  int woken;                          /* the eventfd has been written to */
};

/* A mailbox is never freed, so a sender needs no lock to look one up. */
static struct dlwt_mailbox *_Atomic boxes[DLWT_SLOTS];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_long dropped;

void dlwt_block_signals(sigset_t *saved) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, saved);
}

void dlwt_restore_signals(sigset_t *saved) { pthread_sigmask(SIG_SETMASK, saved, NULL); }

static struct dlwt_mailbox *lock_box(intnat address) {
  struct dlwt_mailbox *box = boxes[DLWT_SLOT(address)];
  if (address == 0 || box == NULL) return NULL;
  pthread_mutex_lock(&box->lock);
  if (box->alive && box->generation == DLWT_GENERATION(address)) return box;
  pthread_mutex_unlock(&box->lock);
  return NULL;
}

struct dlwt_mailbox *dlwt_mailbox_lock(intnat address, sigset_t *saved) {
  struct dlwt_mailbox *box;
  dlwt_block_signals(saved);
  box = lock_box(address);
  if (box == NULL) dlwt_restore_signals(saved);
  return box;
}

void dlwt_mailbox_unlock(struct dlwt_mailbox *box, sigset_t *saved) {
  pthread_mutex_unlock(&box->lock);
  dlwt_restore_signals(saved);
}

/* With the lock. */
static void wake(struct dlwt_mailbox *box) {
  uint64_t one = 1;
  if (box->woken) return;
  box->woken = 1;
  while (write(box->fd, &one, sizeof one) == -1 && errno == EINTR) continue;
}

void dlwt_send_blocked(intnat address) {
  struct dlwt_mailbox *box;
  intnat *larger = NULL;
  size_t capacity = 0;
  for (;;) {
    size_t needed;
    box = lock_box(address);
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
    /* Allocate without the lock, and look again. */
    needed = 2 * box->capacity;
    pthread_mutex_unlock(&box->lock);
    free(larger);
    capacity = needed;
    larger = lwt_unix_malloc(capacity * sizeof *larger);
  }
  box->queue[box->length++] = address;
  wake(box);
  pthread_mutex_unlock(&box->lock);
  free(larger);
}

void dlwt_send(intnat address) {
  sigset_t saved;
  dlwt_block_signals(&saved);
  dlwt_send_blocked(address);
  dlwt_restore_signals(&saved);
}

void dlwt_send_signal(intnat address, int signum) {
  sigset_t saved;
  struct dlwt_mailbox *box = dlwt_mailbox_lock(address, &saved);
  if (box == NULL) return;
  box->signals[signum / 64] |= (uint64_t)1 << (signum % 64);
  wake(box);
  dlwt_mailbox_unlock(box, &saved);
}

CAMLprim value dlwt_mailbox_send(value address) {
  dlwt_send(Long_val(address));
  return Val_unit;
}

CAMLprim value dlwt_mailbox_dropped(value unit) {
  (void)unit;
  return Val_long(dropped);
}

static struct dlwt_mailbox *new_box(void) {
  struct dlwt_mailbox *box = lwt_unix_malloc(sizeof *box);
  memset(box, 0, sizeof *box);
  pthread_mutex_init(&box->lock, NULL);
  return box;
}

/* Returns the address of number 0 in a new mailbox, and its eventfd. */
CAMLprim value dlwt_mailbox_open(value unit) {
  CAMLparam1(unit);
  CAMLlocal1(result);
  sigset_t saved;
  intnat address = 0;
  struct dlwt_mailbox *spare, *box = NULL;
  intnat *queue;
  const size_t capacity = 64;
  int slot, fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd == -1) caml_uerror("eventfd", Nothing);
  spare = new_box();
  queue = lwt_unix_malloc(capacity * sizeof *queue);
  dlwt_block_signals(&saved);
  pthread_mutex_lock(&slots_lock);
  for (slot = 0; slot < DLWT_SLOTS; slot++) {
    box = boxes[slot];
    if (box == NULL) {
      box = boxes[slot] = spare;
      spare = NULL;
    }
    /* Only an opener, who holds slots_lock, makes a mailbox alive. */
    pthread_mutex_lock(&box->lock);
    if (!box->alive) break;
    pthread_mutex_unlock(&box->lock);
  }
  if (slot < DLWT_SLOTS) {
    box->alive = 1;
    box->fd = fd;
    box->generation = (box->generation + 1) & 0xfffff;
    if (box->generation == 0) box->generation = 1; /* so that no address is 0 */
    box->queue = queue;
    box->capacity = capacity;
    box->length = 0;
    box->woken = 0;
    memset(box->signals, 0, sizeof box->signals);
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
    caml_failwith("dlwt: more than 4096 domains run Lwt at once");
  }
  result = caml_alloc_tuple(2);
  Store_field(result, 0, Val_long(address));
  Store_field(result, 1, Val_int(fd));
  CAMLreturn(result);
}

CAMLprim value dlwt_mailbox_close(value v_address) {
  sigset_t saved;
  intnat *queue;
  intnat address = Long_val(v_address);
  struct dlwt_mailbox *box;
  dlwt_signals_forget(DLWT_SLOT(address));
  box = dlwt_mailbox_lock(address, &saved);
  if (box == NULL) return Val_unit;
  box->alive = 0;
  dropped += box->length;
  queue = box->queue;
  box->queue = NULL;
  box->length = box->capacity = 0;
  close(box->fd);
  dlwt_mailbox_unlock(box, &saved);
  free(queue);
  return Val_unit;
}

/* The numbers sent since the last call, oldest first, then one for each signal
   that has come in. Others, if there are any, wake the domain again. */
CAMLprim value dlwt_mailbox_receive(value v_address) {
  sigset_t saved;
  uint64_t count;
  enum { AT_ONCE = 128 };
  intnat address = Long_val(v_address), received[AT_ONCE + NSIG];
  size_t n, i;
  int signum;
  value result;
  struct dlwt_mailbox *box = dlwt_mailbox_lock(address, &saved);
  if (box == NULL) return Atom(0);
  while (read(box->fd, &count, sizeof count) == -1 && errno == EINTR) continue;
  box->woken = 0;
  n = box->length < AT_ONCE ? box->length : AT_ONCE;
  memcpy(received, box->queue, n * sizeof *received);
  box->length -= n;
  if (box->length > 0) {
    memmove(box->queue, box->queue + n, box->length * sizeof *box->queue);
    wake(box);
  }
  for (signum = 1; signum < NSIG; signum++)
    if (box->signals[signum / 64] & ((uint64_t)1 << (signum % 64))) {
      intnat to = dlwt_signal_address(DLWT_SLOT(address), signum);
      if (to != 0) received[n++] = to;
    }
  memset(box->signals, 0, sizeof box->signals);
  dlwt_mailbox_unlock(box, &saved);
  /* May run the GC: not with the lock. */
  result = caml_alloc_tuple(n);
  for (i = 0; i < n; i++) Field(result, i) = Val_long(received[i]);
  return result;
}

/* In a forked child, whose only domain is the caller: the parent keeps the old
   eventfd, and a lock that another thread held would stay locked. */
CAMLprim value dlwt_mailbox_after_fork(value v_address) {
  struct dlwt_mailbox *box = boxes[DLWT_SLOT(Long_val(v_address))];
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd == -1) caml_uerror("eventfd", Nothing);
  pthread_mutex_init(&slots_lock, NULL);
  pthread_mutex_init(&box->lock, NULL);
  close(box->fd);
  box->fd = fd;
  box->length = 0;
  box->woken = 0;
  memset(box->signals, 0, sizeof box->signals);
  dlwt_jobs_after_fork();
  return Val_int(fd);
}

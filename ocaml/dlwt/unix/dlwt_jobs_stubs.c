/* The pool of threads that run Lwt's blocking system calls for all domains.

   A job is its domain's until it has been given to the pool; from then on the
   domain's mailbox lock protects it. When its domain has ended before it is
   done, it is abandoned: it may hold GC roots, which only its result function
   removes, so the next domain that starts a job calls that and forgets what it
   returns. */

#include "dlwt.h"
#include "lwt_unix.h"
#include <caml/alloc.h>
#include <caml/memory.h>
#include <caml/signals.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static lwt_unix_job last; /* of the queue, which is circular; NULL if it is empty */
static int queued, idle, threads, max_threads = 1000;
static lwt_unix_job abandoned; /* linked by next; written under the lock */

static void push(lwt_unix_job job) {
  if (last == NULL)
    job->next = job;
  else {
    job->next = last->next;
    last->next = job;
  }
  last = job;
  queued++;
}

static lwt_unix_job pop(void) {
  lwt_unix_job job = last->next;
  if (job == last)
    last = NULL;
  else
    last->next = job->next;
  queued--;
  return job;
}

static void execute(lwt_unix_job job) {
  sigset_t saved;
  intnat notify;
  /* Of the same mailbox as the address that dlwt_check_job may put there. */
  intnat owner = __atomic_load_n(&job->notification_id, __ATOMIC_RELAXED);
  struct dlwt_mailbox *box;
  job->worker(job);
  box = dlwt_mailbox_lock(owner, &saved);
  if (box == NULL) {
    pthread_mutex_lock(&lock);
    job->next = abandoned;
    __atomic_store_n(&abandoned, job, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
    return;
  }
  job->state = LWT_UNIX_JOB_STATE_DONE;
  notify = job->fast ? 0 : job->notification_id;
  dlwt_mailbox_unlock(box, &saved);
  /* The job is its domain's again. */
  dlwt_send(notify);
}

static void *work_for_ever(void *first) {
  lwt_unix_job job = first;
  for (;;) {
    execute(job);
    pthread_mutex_lock(&lock);
    idle++;
    while (last == NULL) pthread_cond_wait(&work, &lock);
    idle--;
    job = pop();
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static void run_here(lwt_unix_job job) {
  job->async_method = LWT_UNIX_ASYNC_METHOD_NONE;
  caml_enter_blocking_section_no_pending();
  job->worker(job);
  caml_leave_blocking_section();
}

/* Whether the job is already done. */
CAMLprim value dlwt_jobs_start(value v_job, value v_method, value v_address) {
  lwt_unix_job job = *(lwt_unix_job *)Data_custom_val(v_job);
  sigset_t saved;
  int here = Int_val(v_method) == LWT_UNIX_ASYNC_METHOD_NONE;
  job->state = LWT_UNIX_JOB_STATE_PENDING;
  job->fast = 1;
  job->notification_id = Long_val(v_address);
  if (here) {
    run_here(job);
    return Val_true;
  }
  lwt_unix_mutex_init(&job->mutex); /* the job's result function destroys it */
  job->async_method = Int_val(v_method);
  pthread_mutex_lock(&lock);
  if (queued < idle) {
    push(job);
    pthread_cond_signal(&work);
  } else if (threads < max_threads) {
    /* The pool gets no signals: they are for domains. */
    dlwt_block_signals(&saved);
    here = lwt_unix_launch_thread(work_for_ever, job) != 0;
    dlwt_restore_signals(&saved);
    if (!here) threads++;
  } else
    here = 1;
  pthread_mutex_unlock(&lock);
  if (here) {
    lwt_unix_mutex_destroy(&job->mutex);
    run_here(job);
    return Val_true;
  }
  return Val_false;
}

/* One of the jobs whose domains ended before they were done. */
CAMLprim value dlwt_jobs_take_abandoned(value unit) {
  lwt_unix_job job;
  (void)unit;
  if (__atomic_load_n(&abandoned, __ATOMIC_ACQUIRE) == NULL) return Val_none;
  pthread_mutex_lock(&lock);
  job = abandoned;
  if (job != NULL) __atomic_store_n(&abandoned, job->next, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&lock);
  if (job == NULL) return Val_none;
  return caml_alloc_some(lwt_unix_alloc_job(job));
}

/* Whether the job is done; if not, the address will be notified. */
CAMLprim value dlwt_jobs_check(value v_job, value v_address) {
  lwt_unix_job job = *(lwt_unix_job *)Data_custom_val(v_job);
  sigset_t saved;
  int done;
  struct dlwt_mailbox *box = dlwt_mailbox_lock(Long_val(v_address), &saved);
  /* The domain's Lwt has ended: the job may have been freed. */
  if (box == NULL) return Val_false;
  job->fast = 0;
  __atomic_store_n(&job->notification_id, Long_val(v_address), __ATOMIC_RELAXED);
  done = job->state == LWT_UNIX_JOB_STATE_DONE;
  dlwt_mailbox_unlock(box, &saved);
  return Val_bool(done);
}

void dlwt_jobs_after_fork(void) {
  pthread_mutex_init(&lock, NULL);
  pthread_cond_init(&work, NULL);
  last = abandoned = NULL;
  queued = idle = threads = 0;
}

static int locked_read(int *count) {
  int n;
  pthread_mutex_lock(&lock);
  n = *count;
  pthread_mutex_unlock(&lock);
  return n;
}

CAMLprim value dlwt_jobs_pool_size(value unit) {
  (void)unit;
  return Val_int(locked_read(&max_threads));
}

CAMLprim value dlwt_jobs_set_pool_size(value n) {
  pthread_mutex_lock(&lock);
  max_threads = Int_val(n);
  pthread_mutex_unlock(&lock);
  return Val_unit;
}

CAMLprim value dlwt_jobs_thread_count(value unit) {
  (void)unit;
  return Val_int(locked_read(&threads));
}

CAMLprim value dlwt_jobs_thread_waiting_count(value unit) {
  (void)unit;
  return Val_int(locked_read(&idle));
}

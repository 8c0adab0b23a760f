/* The process's pool of threads that runs Lwt's blocking system calls for all domains.

   Who owns a job, and frees it: its domain, until the job is started, and again when
   it is marked as done. In between the pool owns it, and never frees it, because a
   job may hold GC roots that only its result function removes. That function is
   called once: by the job's domain or, if that has terminated first, by the
   domain that takes the job from the list in dlwt_jobs.ml.

   OCaml values: a job is a custom block with a pointer to C's memory, which is read at
   the start of a function. No function allocates. The threads of the pool have no
   domain: they access no value and no root. */

#include "dlwt_mailbox.h"
#include "dlwt_signal_mask.h"
#include "lwt_unix.h"
#include <caml/mlvalues.h>
#include <caml/signals.h>
#include <pthread.h>

/* What the pool does when a job is done; stored in the job's field [fast]. */
enum when_done { NOTIFY, NOTHING, COUNT };

/* Protects what follows, and state, fast and notification_id of every job that the
   pool owns. Held for a few instructions; no signal handler takes it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_available = PTHREAD_COND_INITIALIZER;
static lwt_unix_job last; /* of the queue, which is circular; NULL if it is empty */
static int queued, idle, threads, max_threads = 1000;
static int abandoned_done; /* abandoned jobs that are done; read without the lock */

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

/* The caller holds the lock, and the pool no longer owns the job. Returns the
   address to notify, or zero. */
static intnat mark_done(lwt_unix_job job) {
  job->state = LWT_UNIX_JOB_STATE_DONE;
  if (job->fast == COUNT)
    __atomic_store_n(&abandoned_done, abandoned_done + 1, __ATOMIC_RELAXED);
  return job->fast == NOTIFY ? job->notification_id : 0;
}

static void *worker_main(void *first) {
  lwt_unix_job job = first;
  for (;;) {
    intnat address;
    job->worker(job);
    pthread_mutex_lock(&lock);
    address = mark_done(job);
    idle++;
    pthread_mutex_unlock(&lock);
    if (address != 0) dlwt_mailbox_send_masked(address);
    pthread_mutex_lock(&lock);
    while (last == NULL) pthread_cond_wait(&work_available, &lock);
    idle--;
    job = pop();
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static lwt_unix_job job_of(value v_job) { return *(lwt_unix_job *)Data_custom_val(v_job); }

/* Gives a job to the pool. Returns false if no thread can run it. */
CAMLprim value dlwt_jobs_start(value v_job) {
  lwt_unix_job job = job_of(v_job);
  sigset_t saved;
  int started = 1;
  job->state = LWT_UNIX_JOB_STATE_PENDING;
  job->fast = NOTHING;
  lwt_unix_mutex_init(&job->mutex); /* the job's result function destroys it */
  job->async_method = LWT_UNIX_ASYNC_METHOD_DETACH;
  pthread_mutex_lock(&lock);
  /* A thread counts as idle before it has sent its notification. The next job may
     follow at once, and need not wait for that: so there are two threads, if the
     pool may have two. */
  if (queued < idle && threads >= (max_threads < 2 ? max_threads : 2)) {
    push(job);
    pthread_cond_signal(&work_available);
  } else if (threads < max_threads) {
    /* Signals are for threads that have a domain. */
    dlwt_block_signals(&saved);
    started = lwt_unix_launch_thread(worker_main, job) == 0;
    dlwt_restore_signals(&saved);
    if (started) threads++;
  } else
    started = 0;
  pthread_mutex_unlock(&lock);
  if (!started) lwt_unix_mutex_destroy(&job->mutex);
  return Val_bool(started);
}

/* Runs a job in the calling domain. No OCaml value is used after the blocking
   section: the job is C's memory, and refers to OCaml's heap through roots only. */
CAMLprim value dlwt_jobs_run_here(value v_job) {
  lwt_unix_job job = job_of(v_job);
  job->async_method = LWT_UNIX_ASYNC_METHOD_NONE;
  /* A signal handler that raised here would lose the job. */
  caml_enter_blocking_section_no_pending();
  job->worker(job);
  caml_leave_blocking_section();
  return Val_unit;
}

/* Returns whether the job is done. If not, sets what the pool does when it is. */
static int is_done(lwt_unix_job job, enum when_done then, intnat address) {
  int done;
  pthread_mutex_lock(&lock);
  done = job->state == LWT_UNIX_JOB_STATE_DONE;
  if (!done) {
    job->fast = then;
    job->notification_id = address;
  }
  pthread_mutex_unlock(&lock);
  return done;
}

CAMLprim value dlwt_jobs_check(value v_job, value v_address) {
  return Val_bool(is_done(job_of(v_job), NOTIFY, Long_val(v_address)));
}

CAMLprim value dlwt_jobs_abandon(value v_job) {
  return Val_bool(is_done(job_of(v_job), COUNT, 0));
}

/* Returns whether an abandoned job is done, and if so, no longer counts it. */
CAMLprim value dlwt_jobs_take_abandoned(value v_job) {
  int done;
  pthread_mutex_lock(&lock);
  done = job_of(v_job)->state == LWT_UNIX_JOB_STATE_DONE;
  if (done) __atomic_store_n(&abandoned_done, abandoned_done - 1, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&lock);
  return Val_bool(done);
}

CAMLprim value dlwt_jobs_abandoned_done(value unit) {
  (void)unit;
  return Val_int(__atomic_load_n(&abandoned_done, __ATOMIC_RELAXED));
}

/* In a forked child, which has none of the parent's threads. */
CAMLprim value dlwt_jobs_after_fork(value unit) {
  (void)unit;
  pthread_mutex_init(&lock, NULL);
  pthread_cond_init(&work_available, NULL);
  last = NULL;
  queued = idle = threads = 0;
  return Val_unit;
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

/* Threads that a queued job has already woken are not counted. */
CAMLprim value dlwt_jobs_thread_waiting_count(value unit) {
  int n;
  (void)unit;
  pthread_mutex_lock(&lock);
  n = idle - queued;
  pthread_mutex_unlock(&lock);
  return Val_int(n);
}

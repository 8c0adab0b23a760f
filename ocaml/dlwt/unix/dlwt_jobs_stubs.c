/* The pool of threads that run Lwt's blocking system calls for all domains.

   Who has a job, and who frees it: it is its domain's until it is started, and
   again from when it is marked as done; in between it is the pool's, which
   never frees it, because it may hold GC roots that only its result function
   removes. That function is called once: by its domain, or, when that has ended
   first, by whoever takes the job from the list in dlwt_jobs.ml.

   OCaml: a job is C's memory, so a value of it is only asked for the pointer, at the
   start of a function. No function allocates. Threads of the pool have no
   domain: they touch no value and no root. */

#include "dlwt.h"
#include "lwt_unix.h"
#include <caml/mlvalues.h>
#include <caml/signals.h>
#include <pthread.h>

/* What the pool does when a job is done, in its field [fast]. */
enum when_done { NOTIFY, NOTHING, COUNT };

/* Protects what follows, and state, fast and notification_id of every job that
   the pool has. Held for a few instructions; no signal handler takes it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static lwt_unix_job last; /* of the queue, which is circular; NULL if it is empty */
static int queued, idle, threads, max_threads = 1000;
static int left_done; /* left by their domains, and done since; read without the lock */

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

/* With the lock. The job is not the pool's any more. Returns whom to notify. */
static intnat mark_done(lwt_unix_job job) {
  job->state = LWT_UNIX_JOB_STATE_DONE;
  if (job->fast == COUNT) __atomic_store_n(&left_done, left_done + 1, __ATOMIC_RELAXED);
  return job->fast == NOTIFY ? job->notification_id : 0;
}

static void *work_for_ever(void *first) {
  lwt_unix_job job = first;
  for (;;) {
    intnat notify;
    job->worker(job);
    pthread_mutex_lock(&lock);
    notify = mark_done(job);
    idle++;
    pthread_mutex_unlock(&lock);
    if (notify != 0) dlwt_send_blocked(notify);
    pthread_mutex_lock(&lock);
    while (last == NULL) pthread_cond_wait(&work, &lock);
    idle--;
    job = pop();
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

static lwt_unix_job job_of(value v_job) { return *(lwt_unix_job *)Data_custom_val(v_job); }

/* Hands a job to the pool, if that has a thread for it. */
CAMLprim value dlwt_jobs_start(value v_job) {
  lwt_unix_job job = job_of(v_job);
  sigset_t saved;
  int started = 1;
  job->state = LWT_UNIX_JOB_STATE_PENDING;
  job->fast = NOTHING;
  lwt_unix_mutex_init(&job->mutex); /* the job's result function destroys it */
  job->async_method = LWT_UNIX_ASYNC_METHOD_DETACH;
  pthread_mutex_lock(&lock);
  /* A thread is idle before it tells whom its job was for. The next job may come at
     once, and need not wait for that: there are two threads, if there may be. */
  if (queued < idle && threads >= (max_threads < 2 ? max_threads : 2)) {
    push(job);
    pthread_cond_signal(&work);
  } else if (threads < max_threads) {
    /* The pool gets no signals: they are for domains. */
    dlwt_block_signals(&saved);
    started = lwt_unix_launch_thread(work_for_ever, job) == 0;
    dlwt_restore_signals(&saved);
    if (started) threads++;
  } else
    started = 0;
  pthread_mutex_unlock(&lock);
  if (!started) lwt_unix_mutex_destroy(&job->mutex);
  return Val_bool(started);
}

/* Runs a job in its own domain. Nothing of OCaml's is used after the blocking
   section: the job is C's memory, and what it has in OCaml's heap are roots. */
CAMLprim value dlwt_jobs_run_here(value v_job) {
  lwt_unix_job job = job_of(v_job);
  job->async_method = LWT_UNIX_ASYNC_METHOD_NONE;
  /* A signal handler that raised here would lose the job. */
  caml_enter_blocking_section_no_pending();
  job->worker(job);
  caml_leave_blocking_section();
  return Val_unit;
}

/* Whether the job is done; if not, says what to do when it is. */
static int is_done(lwt_unix_job job, enum when_done then, intnat notify) {
  int done;
  pthread_mutex_lock(&lock);
  done = job->state == LWT_UNIX_JOB_STATE_DONE;
  if (!done) {
    job->fast = then;
    job->notification_id = notify;
  }
  pthread_mutex_unlock(&lock);
  return done;
}

CAMLprim value dlwt_jobs_check(value v_job, value v_address) {
  return Val_bool(is_done(job_of(v_job), NOTIFY, Long_val(v_address)));
}

CAMLprim value dlwt_jobs_leave(value v_job) {
  return Val_bool(is_done(job_of(v_job), COUNT, 0));
}

/* Whether a job that was left is done now, and no longer counted. */
CAMLprim value dlwt_jobs_take_left(value v_job) {
  int done;
  pthread_mutex_lock(&lock);
  done = job_of(v_job)->state == LWT_UNIX_JOB_STATE_DONE;
  if (done) __atomic_store_n(&left_done, left_done - 1, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&lock);
  return Val_bool(done);
}

CAMLprim value dlwt_jobs_left_done(value unit) {
  (void)unit;
  return Val_int(__atomic_load_n(&left_done, __ATOMIC_RELAXED));
}

void dlwt_jobs_after_fork(void) {
  pthread_mutex_init(&lock, NULL);
  pthread_cond_init(&work, NULL);
  last = NULL;
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

/* A queued job has a thread that will be awake soon: it does not wait. */
CAMLprim value dlwt_jobs_thread_waiting_count(value unit) {
  int n;
  (void)unit;
  pthread_mutex_lock(&lock);
  n = idle - queued;
  pthread_mutex_unlock(&lock);
  return Val_int(n);
}

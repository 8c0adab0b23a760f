/* A job, and a notification that a thread without a domain sends. */

#include <caml/alloc.h>
#include <caml/mlvalues.h>
#include <lwt_unix.h>
#include <pthread.h>

struct job_square {
  struct lwt_unix_job job;
  long n, result;
};

static void worker_square(struct job_square *job) { job->result = job->n * job->n; }

static value result_square(struct job_square *job) {
  long result = job->result;
  lwt_unix_free_job(&job->job);
  return Val_long(result);
}

CAMLprim value test_square_job(value n) {
  LWT_UNIX_INIT_JOB(job, square, 0);
  job->n = Long_val(n);
  return lwt_unix_alloc_job(&job->job);
}

static void *notify(void *id) {
  lwt_unix_send_notification((intnat)id);
  return NULL;
}

CAMLprim value test_notify_from_thread(value id) {
  pthread_t thread;
  int error = pthread_create(&thread, NULL, notify, (void *)Long_val(id));
  if (error == 0) pthread_detach(thread);
  return Val_int(error);
}

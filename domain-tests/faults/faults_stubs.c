/* Makes the operating system refuse threads and descriptors when the test asks for it. */

#define _GNU_SOURCE
#include <caml/mlvalues.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

/* The number of threads that may still be created. */
static atomic_int threads_left = INT_MAX;

/* Replaces the C library's function for OCaml and Rust, which are linked statically. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*start)(void *), void *argument) {
  static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (atomic_load(&threads_left) != INT_MAX && atomic_fetch_sub(&threads_left, 1) <= 0)
    return EAGAIN;
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  return real(thread, attributes, start, argument);
}

value faults_threads_left(value n) {
  atomic_store(&threads_left, Int_val(n) < 0 ? INT_MAX : Int_val(n));
  return Val_unit;
}

/* Limits the process to n more descriptors; removes the limit if n is negative. */
value faults_descriptors_left(value v_n) {
  static rlim_t usual;
  struct rlimit limit;
  int n = Int_val(v_n), fd = 0;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (usual == 0) usual = limit.rlim_cur;
  limit.rlim_cur = usual;
  if (n >= 0) {
    /* The limit bounds the numbers of descriptors, so the free numbers below it are counted. */
    for (;; fd++)
      if (fcntl(fd, F_GETFD) == -1 && n-- == 0) break;
    limit.rlim_cur = fd;
  }
  setrlimit(RLIMIT_NOFILE, &limit);
  return Val_unit;
}

/* What OCaml cannot ask about the process. */

#include <caml/mlvalues.h>
#include <caml/unixsupport.h>
#include <malloc.h>
#include <sys/resource.h>

/* How much of C's heap is in use, in all its arenas. */
CAMLprim value dlwt_test_allocated(value unit) {
  struct mallinfo2 info = mallinfo2();
  (void)unit;
  return Val_long(info.uordblks + info.hblkhd);
}

/* No descriptor from this number on can be opened. Returns the limit before. */
CAMLprim value dlwt_test_limit_descriptors(value v_limit) {
  struct rlimit limit;
  rlim_t before;
  if (getrlimit(RLIMIT_NOFILE, &limit) == -1) caml_uerror("getrlimit", Nothing);
  before = limit.rlim_cur;
  limit.rlim_cur = Long_val(v_limit);
  if (setrlimit(RLIMIT_NOFILE, &limit) == -1) caml_uerror("setrlimit", Nothing);
  return Val_long(before);
}

/* Raises that limit as far as it goes, and returns it. */
CAMLprim value dlwt_test_most_descriptors(value unit) {
  struct rlimit limit;
  (void)unit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == -1) caml_uerror("getrlimit", Nothing);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) == -1) caml_uerror("setrlimit", Nothing);
  return Val_long(limit.rlim_cur);
}

/* Properties of the process that OCaml cannot read. */

#include <caml/mlvalues.h>
#include <caml/unixsupport.h>
#include <malloc.h>
#include <sys/resource.h>

/* Returns how many bytes of C's heap are in use, in all arenas. */
CAMLprim value dlwt_test_allocated(value unit) {
  struct mallinfo2 info = mallinfo2();
  (void)unit;
  return Val_long(info.uordblks + info.hblkhd);
}

/* Limits descriptors to numbers below [v_limit]. Returns the previous limit. */
CAMLprim value dlwt_test_limit_descriptors(value v_limit) {
  struct rlimit limit;
  rlim_t before;
  if (getrlimit(RLIMIT_NOFILE, &limit) == -1) caml_uerror("getrlimit", Nothing);
  before = limit.rlim_cur;
  limit.rlim_cur = Long_val(v_limit);
  if (setrlimit(RLIMIT_NOFILE, &limit) == -1) caml_uerror("setrlimit", Nothing);
  return Val_long(before);
}

/* Raises that limit to the maximum, and returns it. */
CAMLprim value dlwt_test_most_descriptors(value unit) {
  struct rlimit limit;
  (void)unit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == -1) caml_uerror("getrlimit", Nothing);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) == -1) caml_uerror("setrlimit", Nothing);
  return Val_long(limit.rlim_cur);
}

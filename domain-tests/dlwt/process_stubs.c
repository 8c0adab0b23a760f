/* Properties of the process that OCaml cannot read. */

#include <caml/bigarray.h>
#include <caml/mlvalues.h>
#include <caml/unixsupport.h>
#include <malloc.h>
#include <sys/mman.h>
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

/* Returns memory that consists of pages of the smallest size. */
CAMLprim value dlwt_test_small_pages(value v_length) {
  size_t length = Long_val(v_length);
  void *memory =
      mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) caml_uerror("mmap", Nothing);
  madvise(memory, length, MADV_NOHUGEPAGE);
  return caml_ba_alloc_dims(CAML_BA_CHAR | CAML_BA_C_LAYOUT, 1, memory, (intnat)length);
}

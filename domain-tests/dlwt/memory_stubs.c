/* How much of C's heap is in use, in all its arenas. */

#include <caml/mlvalues.h>
#include <malloc.h>

CAMLprim value dlwt_test_allocated(value unit) {
  struct mallinfo2 info = mallinfo2();
  (void)unit;
  return Val_long(info.uordblks + info.hblkhd);
}

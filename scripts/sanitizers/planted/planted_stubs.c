/* Bugs that a sanitizer must report: see planted.ml. */

#include <caml/memory.h>
#include <caml/mlvalues.h>
#include <stdlib.h>
#include <string.h>

static char *volatile kept; /* volatile, so that the compiler keeps the accesses */
static long count;

CAMLprim value planted_c_count(value unit) {
  count++;
  return unit;
}

CAMLprim value planted_c_use_after_free(value unit) {
  char *freed = malloc(100);
  kept = freed;
  free(freed);
  kept[5] = 1;
  kept = NULL;
  return unit;
}

CAMLprim value planted_c_leak(value unit) {
  /* Several, since a register or the stack may still have the address of the last one. */
  int i;
  for (i = 0; i < 10; i++) kept = malloc(1000);
  kept = NULL;
  return unit;
}

/* A root in memory that is freed: the next collection reads it. */
CAMLprim value planted_c_freed_root(value v) {
  value *root = malloc(10 * sizeof *root);
  root[4] = v;
  caml_register_generational_global_root(&root[4]);
  free(root);
  return Val_unit;
}

/* The clock of Dlwt_timers. */

#include <caml/mlvalues.h>
#include <time.h>

/* Nanoseconds. */
CAMLprim value dlwt_timers_now(value unit) {
  struct timespec now;
  (void)unit;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return Val_long((intnat)now.tv_sec * 1000000000 + now.tv_nsec);
}

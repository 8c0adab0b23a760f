/* Creates a process with vfork: without OCaml's fork, which OCaml refuses after the first
   Domain.spawn, and without copying page tables, which takes 20 ms for each GiB. The child
   shares its parent's memory until it executes the program, and the calling thread waits
   for that with the lock released, so that other domains can collect. Between vfork and exec the
   child calls async-signal-safe functions only, changes none of its parent's variables, and
   runs no signal handler.

   OCaml values: all arguments are copied before the lock is released. Nothing is allocated
   in OCaml's heap but the exception, after the copies have been freed. */

#define _GNU_SOURCE
#include "dlwt_signal_mask.h"
#include "lwt_unix.h"
#include <caml/fail.h>
#include <caml/memory.h>
#include <caml/mlvalues.h>
#include <caml/signals.h>
#include <caml/unixsupport.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What to do with one of the descriptors 0 to 2; the numbers are those of [encode] in
   dlwt_process.ml. */
enum redirection { KEEP, DEV_NULL, CLOSE, COPY, MOVE };

static char *copy(value s) { return lwt_unix_strdup((char *)String_val(s)); }

static char **copy_all(value strings) {
  mlsize_t i, n = Wosize_val(strings);
  char **result = lwt_unix_malloc((n + 1) * sizeof *result);
  for (i = 0; i < n; i++) result[i] = copy(Field(strings, i));
  result[n] = NULL;
  return result;
}

static void free_all(char **strings) {
  char **s;
  if (strings == NULL) return;
  for (s = strings; *s != NULL; s++) free(*s);
  free(strings);
}

/* Signal handlers of the parent must not run in the child. */
static void reset_signal_handlers(void) {
  int signum;
  struct sigaction action, standard;
  memset(&standard, 0, sizeof standard);
  standard.sa_handler = SIG_DFL;
  for (signum = 1; signum < NSIG; signum++)
    if (sigaction(signum, NULL, &action) == 0 && action.sa_handler != SIG_IGN &&
        action.sa_handler != SIG_DFL)
      sigaction(signum, &standard, NULL);
}

/* Redirections apply in order, as in a shell: [COPY] of a descriptor that was
   redirected before copies the new one. */
static int redirect(int target, int action, int source) {
  switch (action) {
  case DEV_NULL:
    source = open("/dev/null", O_RDWR);
    if (source == -1) return -1;
    action = MOVE;
    break;
  case CLOSE:
    close(target);
    return 0;
  case KEEP:
    return 0;
  }
  if (source == target) return fcntl(target, F_SETFD, 0);
  if (dup2(source, target) == -1) return -1;
  if (action == MOVE) close(source);
  return 0;
}

struct plan {
  char *program, **arguments, **environment, *directory;
  int actions[3], sources[3];
  sigset_t mask;
};

static void run(const struct plan *plan) {
  int i;
  reset_signal_handlers();
  dlwt_restore_signals(&plan->mask);
  for (i = 0; i < 3; i++)
    if (redirect(i, plan->actions[i], plan->sources[i]) == -1) return;
  if (plan->directory != NULL && chdir(plan->directory) == -1) return;
  if (plan->environment != NULL)
    execvpe(plan->program, plan->arguments, plan->environment);
  else
    execvp(plan->program, plan->arguments);
}

/* Called with all signals blocked. The child uses the stack of its parent, so it must not
   return from here. */
static pid_t start(const struct plan *plan, int *error) {
  pid_t pid = vfork();
  if (pid == 0) {
    run(plan);
    _exit(127);
  }
  if (pid == -1) *error = errno;
  return pid;
}

/* A thread that blocks all signals is one of a pool, which leaves them to other threads.
   That does not concern its children. */
static void set_mask_of_child(sigset_t *mask, const sigset_t *own) {
  int signum;
  *mask = *own;
  for (signum = 1; signum < 32; signum++)
    if (signum != SIGKILL && signum != SIGSTOP && !sigismember(own, signum)) return;
  sigemptyset(mask);
}

CAMLprim value dlwt_process_spawn(value v_program, value v_arguments, value v_environment,
                                  value v_directory, value v_redirections) {
  struct plan plan;
  sigset_t own;
  int i, error = 0;
  pid_t pid;
  plan.program = copy(v_program);
  plan.arguments = copy_all(v_arguments);
  plan.environment = Is_some(v_environment) ? copy_all(Some_val(v_environment)) : NULL;
  plan.directory = Is_some(v_directory) ? copy(Some_val(v_directory)) : NULL;
  for (i = 0; i < 3; i++) {
    plan.actions[i] = Int_val(Field(v_redirections, 2 * i));
    plan.sources[i] = Int_val(Field(v_redirections, 2 * i + 1));
  }
  dlwt_block_signals(&own);
  set_mask_of_child(&plan.mask, &own);
  /* A signal handler that raised here would lose the copies. */
  caml_enter_blocking_section_no_pending();
  pid = start(&plan, &error);
  caml_leave_blocking_section();
  dlwt_restore_signals(&own);
  free(plan.program);
  free_all(plan.arguments);
  free_all(plan.environment);
  free(plan.directory);
  if (error != 0) caml_unix_error(error, "vfork", Nothing);
  return Val_int(pid);
}

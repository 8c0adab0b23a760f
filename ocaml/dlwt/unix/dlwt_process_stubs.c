/* Creates a process without OCaml's fork, which OCaml refuses after the first
   Domain.spawn. Between fork and exec only async-signal-safe functions are called.

   OCaml values: all arguments are copied before anything else. Nothing is allocated in
   OCaml's heap but the exception, after the copies have been freed. The runtime
   lock is held throughout, so no OCaml signal handler runs in between. */

#define _GNU_SOURCE
#include "dlwt_signal_mask.h"
#include "lwt_unix.h"
#include <caml/fail.h>
#include <caml/memory.h>
#include <caml/mlvalues.h>
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

CAMLprim value dlwt_process_spawn(value v_program, value v_arguments, value v_environment,
                                  value v_directory, value v_redirections) {
  char *program = copy(v_program);
  char **arguments = copy_all(v_arguments);
  char **environment = Is_some(v_environment) ? copy_all(Some_val(v_environment)) : NULL;
  char *directory = Is_some(v_directory) ? copy(Some_val(v_directory)) : NULL;
  int actions[3], sources[3], i, error = 0;
  sigset_t saved;
  pid_t pid;
  for (i = 0; i < 3; i++) {
    actions[i] = Int_val(Field(v_redirections, 2 * i));
    sources[i] = Int_val(Field(v_redirections, 2 * i + 1));
  }
  dlwt_block_signals(&saved);
  pid = fork();
  if (pid == -1) error = errno;
  if (pid == 0) {
    reset_signal_handlers();
    dlwt_restore_signals(&saved);
    for (i = 0; i < 3; i++)
      if (redirect(i, actions[i], sources[i]) == -1) _exit(127);
    if (directory != NULL && chdir(directory) == -1) _exit(127);
    if (environment != NULL)
      execvpe(program, arguments, environment);
    else
      execvp(program, arguments);
    _exit(127);
  }
  dlwt_restore_signals(&saved);
  free(program);
  free_all(arguments);
  free_all(environment);
  free(directory);
  if (error != 0) caml_unix_error(error, "fork", Nothing);
  return Val_int(pid);
}

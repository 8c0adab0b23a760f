/* Linked into the programs of `scripts/sanitize tsan`.

   ThreadSanitizer takes epoll_ctl and epoll_wait on the same descriptor for the synchronisation
   that they are, and knows of dup that the copy is the same, but it does not know fcntl's way of
   copying, which is Rust's: tokio registers on one copy and waits on another. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

int fcntl(int fd, int command, ...) {
  va_list arguments;
  long argument;
  va_start(arguments, command);
  argument = va_arg(arguments, long);
  va_end(arguments);
  if (command == F_DUPFD_CLOEXEC) {
    int copy = syscall(SYS_fcntl, fd, command, argument);
    /* dup2 onto what is that already: only ThreadSanitizer sees a change. */
    return copy == -1 ? -1 : dup3(fd, copy, O_CLOEXEC);
  }
  return syscall(SYS_fcntl, fd, command, argument);
}

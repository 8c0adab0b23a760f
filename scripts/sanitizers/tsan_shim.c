/* Linked into the programs of `scripts/sanitize tsan`.

   To ThreadSanitizer, epoll_ctl and epoll_wait on one descriptor, or on copies made by dup, are
   synchronisation. It does not recognise copies made by fcntl, as Rust makes them: tokio registers
   on one copy and waits on another. */

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
    /* Changes nothing, as both are the same file, but ThreadSanitizer recognises the copy. */
    return copy == -1 ? -1 : dup3(fd, copy, O_CLOEXEC);
  }
  return syscall(SYS_fcntl, fd, command, argument);
}

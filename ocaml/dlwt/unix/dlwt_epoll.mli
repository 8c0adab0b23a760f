(** Waits for descriptors and timers with epoll: the core of [Lwt_engine.dlwt_epoll], the
    engine that a domain starts with.

    An iteration takes one system call, and a registration one. Stopping takes none: the
    kernel's interest list is updated only when it reports an event that no registration
    waits for.

    Descriptor numbers are reused. The kernel forgets a file that is closed, so each
    registration asks the kernel whether the number still denotes the file that it knows.
    If not, the registrations for the closed file never run.

    {[
      let epoll = Dlwt_epoll.create ()

      let stdin =
        Dlwt_epoll.on_readable epoll Unix.stdin (fun () -> print_endline "input")

      let () =
        Dlwt_epoll.iter epoll ~block:true;
        Dlwt_epoll.stop stdin;
        Dlwt_epoll.close epoll
    ]} *)

type t

val create : unit -> t
(** Returns a new epoll instance without registrations.

    @raise Unix.Unix_error if no descriptor is left. *)

val close : t -> unit
(** [close t] closes the epoll descriptor. *)

type registration

val on_readable : t -> Unix.file_descr -> (unit -> unit) -> registration
(** [on_readable t fd f] runs [f] in each {!iter}, from the next one on, that finds [fd]
    readable or with an error. Files that epoll does not support, such as regular ones,
    are always ready, as with [select]. A descriptor that is already closed is ready once,
    so that its next use raises the error. *)

val on_writable : t -> Unix.file_descr -> (unit -> unit) -> registration
(** The same for writing. *)

val stop : registration -> unit
(** [stop r] removes the registration. Its function no longer runs, not even in the
    current iteration. *)

val timers : t -> Dlwt_timers.t
(** Returns the timers that {!iter} runs. *)

val iter : t -> block:bool -> unit
(** [iter t ~block] waits, if [block], until a descriptor is ready or a timer is due, and
    runs the timers that are due, then the registrations that are ready. An exception ends
    the iteration, and the next one runs what remains. A signal ends the wait.

    In a forked child it first replaces the epoll instance, which the child shares with
    its parent.

    @raise Unix.Unix_error if the kernel has no memory to watch a descriptor. *)

(** {1 Other waiters}

    A domain whose loop waits for more than an epoll instance has a waiter, which each
    {!iter} on that domain calls. *)

type waited =
  | Quiet  (** The epoll instance has no new events. *)
  | Events  (** It may have some. *)
  | Elsewhere  (** The waiter cannot wait now: {!iter} waits for the instance itself. *)

type waiter = { wait : epfd:int -> instance:int -> milliseconds:int -> waited }
(** [wait ~epfd ~instance ~milliseconds] waits until something in the epoll instance
    becomes ready, or for another reason of the waiter's, at most [milliseconds] if that
    is not negative. It may wait for [epfd] edge-triggered. [instance] is another number
    for each epoll instance of the process, whereas [epfd] is used again. *)

val set_waiter : waiter option -> unit
(** [set_waiter waiter] sets the waiter of the calling domain. *)

val set_after_wait : (unit -> unit) -> unit
(** [set_after_wait f] has the calling domain call [f] after each wait, before it runs
    anything. *)

val is_used : unit -> bool
(** [is_used ()] is [true] if the calling domain has a {!t} that is not closed. [false] if
    the program has replaced the domain's engine: then no waiter is called. *)

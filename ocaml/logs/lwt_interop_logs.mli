(** Events of Rust's crate [tracing] as messages of the library [logs].

    {[
      open Lwt.Syntax

      let main () =
        Logs.set_reporter (Logs.format_reporter ());
        Logs.set_level (Some Logs.Info);
        Lwt_interop_logs.install ();
        (* Calls of Rust functions. *)
        let* () = Lwt.pause () in
        Lwt.return_unit

      let () = Lwt_main.run (main ())
    ]}

    The Rust archive of the program needs the feature [tracing] of the crate
    [ocaml-lwt-interop]:
    [ocaml-lwt-interop = { version = "0.1", features = ["tracing"] }].

    Events of all threads become messages on the domain that has called {!install}, in its
    loop, one after the other. The source of a message ({!Logs.Src}) has the name of the
    event's target, which is the Rust module unless the event says otherwise. Its text has
    the spans around the event, the message and the fields:
    [request{id=7}: done ms=3 name="a \"b\""]. Texts are quoted as in Rust, the message is
    as it is. [ERROR], [WARN] and [INFO] are the levels [Error], [Warning] and [Info];
    [DEBUG] and [TRACE] are [Debug].

    An event never waits: it is queued, and if the queue is full, the oldest one is
    dropped. So is an event that happens while the text of another one is formatted on the
    same thread. The next message is preceded by a warning of the source {!src}, which
    says how many events were dropped. *)

val install : ?level:Logs.level option -> ?capacity:int -> unit -> unit
(** [install ()] makes messages of Rust's events, on the calling domain, from now on until
    the domain terminates. Before, and afterwards, an event costs only the test of its
    level and makes no message.

    [level] is the most verbose level of events, by default [Logs.level ()]: see
    {!set_level}. [capacity] is the number of events that wait at most, by default 1000.

    A call replaces the one before, also that of another domain, which still reports what
    is queued for it.

    When the domain terminates, or the program exits by [exit] on it, queued events are
    reported first; events of threads that go on are dropped.

    An exception of the reporter goes to [Lwt.async_exception_hook].

    The first call sets the global subscriber of the program. If that has one of its own,
    the Rust code adds [ocaml_lwt_interop::logs_layer()] to it.

    @raise Invalid_argument if [capacity] is less than 1.
    @raise Failure if the program has a subscriber without that layer.
    @raise Wrong_thread if the calling thread is not the one that runs the domain's loop.
    @raise Domain_terminated if the domain is terminating. *)

val set_level : Logs.level option -> unit
(** [set_level level] changes the most verbose level of Rust's events: those above it are
    not formatted and not queued, and cost some nanoseconds. Any domain may call it. Does
    nothing if nothing is installed.

    It does not change the levels of the sources, which still decide whether a message is
    reported. A source is created when its first event arrives, with the level
    [Logs.level ()]. After [Logs.set_level ~all:true level] call [set_level level], too.
*)

val stop : unit -> unit Lwt.t
(** [stop ()] ends what [install ()] has begun on the calling domain. It is fulfilled when
    the events that were queued have been reported. Does nothing if another domain has
    replaced it. *)

val src : Logs.Src.t
(** The source of the warnings, [lwt_interop.logs]. *)

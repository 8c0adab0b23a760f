(** Lwt on every domain: what stock Lwt has no functions for.

    [Lwt], [Lwt_unix], [Lwt_main] and the other modules of Lwt are used as always. Each
    domain that calls [Lwt_main.run] has a loop of its own, and the loops run in parallel.
    A pending promise never leaves the domain that made it; a resolved one is a plain
    value.

    {[
      let serve port () = Lwt_main.run (Server.run port)

      let () =
        let others = List.init 3 (fun _ -> Domain.spawn (serve 8080)) in
        serve 8080 ();
        List.iter Domain.join others
    ]}

    Libraries that keep state for each domain, or release it when a domain terminates, use
    {!module:Dlwt_rt}. *)

val is_owner : 'a Lwt.t -> bool
(** [is_owner p] is [true] if the calling domain may use [p]: it made [p], or [p] is
    resolved. Safe to call with any promise. *)

val check_owner : what:string -> 'a Lwt.t -> unit
(** [check_owner ~what p] does nothing if {!is_owner}[ p].

    @raise Invalid_argument
      otherwise. The message begins with [what] and names both domains. *)

val keyed_task : on_cancel:(int -> unit) -> int -> 'a Lwt.t * 'a Lwt.u
(** [keyed_task ~on_cancel key] is [Lwt.task ()] for work that is done elsewhere, where
    [key] identifies it. When the promise is cancelled, [on_cancel key] is called, before
    all functions given to [Lwt.on_cancel].

    {[
      let requests : (int, string Lwt.u) Hashtbl.t Dlwt_rt.key =
        Dlwt_rt.key (fun () -> Hashtbl.create 16)

      let cancel key = Hashtbl.remove (Dlwt_rt.get requests) key

      let request key =
        let p, u = Dlwt.keyed_task ~on_cancel:cancel key in
        Hashtbl.replace (Dlwt_rt.get requests) key u;
        p
    ]}

    If many tasks share one [on_cancel], each takes 3 words more than a task without; with
    a closure for [Lwt.on_cancel] it would be 7.

    Unlike such a closure, [on_cancel] is not called when the promise is rejected with
    [Lwt.Canceled] in another way. *)

type 'a watcher
(** Waits for one promise, and may stop waiting, which leaves nothing in the promise.
    Costs less than [Lwt.on_any] of a [Lwt.protected].

    {[
      (* Waits for the first of two promises, without cancelling the other. *)
      let first p q f =
        let of_p = Dlwt.watcher () and of_q = Dlwt.watcher () in
        Dlwt.watch of_p p (fun outcome ->
            Dlwt.unwatch of_q;
            f outcome);
        if Lwt.is_sleeping p then
          Dlwt.watch of_q q (fun outcome ->
              Dlwt.unwatch of_p;
              f outcome)
    ]} *)

val watcher : unit -> 'a watcher
(** [watcher ()] is a watcher that waits for nothing. *)

val watch : 'a watcher -> 'a Lwt.t -> (('a, exn) result -> unit) -> unit
(** [watch watcher p f] has [f] called with the outcome of [p]: at once if [p] is
    resolved, otherwise when it is. A watcher is used for one promise.

    [f] runs where [p] is resolved, like a callback of [Lwt.bind], but its exceptions are
    not caught: it must not raise, and what must not be interrupted must not allocate.

    @raise Invalid_argument if [p] is another domain's. *)

val unwatch : 'a watcher -> unit
(** [unwatch watcher] removes [f] from the promise that [watcher] waits for. It does
    nothing if [f] has been called, or if [watcher] waits for nothing.

    @raise Invalid_argument if the promise is another domain's. *)

val set_async_exception_hook : (exn -> unit) option -> unit
(** [set_async_exception_hook (Some hook)] has [hook] called with the exceptions of the
    calling domain that no promise takes, such as those of [Lwt.async]. With [None], the
    initial setting, the domain calls [!Lwt.async_exception_hook], which is shared by the
    whole process and by default terminates it.

    {[
      Dlwt.set_async_exception_hook
        (Some (fun exn -> prerr_endline (Printexc.to_string exn)))
    ]} *)

val async_exception_hook : unit -> (exn -> unit) option
(** Returns the calling domain's own hook. *)

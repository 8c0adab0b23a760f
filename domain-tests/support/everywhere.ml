type case = { name : string; alone : bool; body : unit -> unit Lwt.t }

(* TOKIO=own: each domain has a tokio runtime of its own. A loop that runs on another thread than the domain's
   first has none. *)
let () =
  if Sys.getenv_opt "TOKIO" = Some "own" then
    Dlwt_rt.each_domain (fun () ->
        try Lwt_interop.own_tokio () with Lwt_interop.Wrong_thread _ -> ())

let case name body = { name; alone = false; body }
let alone name body = { name; alone = true; body }

(* Seconds after which a test counts as hanging: more than a busy machine takes for any of them, which
   sanitizers slow down. *)
let hang_timeout = if Expect.under_sanitizer then 600 else 120

let plain name f =
  Alcotest.test_case name `Quick (fun () ->
      Rust.watch name hang_timeout;
      Fun.protect f ~finally:(fun () -> Rust.watch "" 0))

let on_domain f = Domain.join (Domain.spawn (fun () -> Lwt_main.run (f ())))

let on_domains n f =
  let ready = Atomic.make 0 in
  let body i () =
    (* All begin together. *)
    Atomic.incr ready;
    while Atomic.get ready < n do
      Domain.cpu_relax ()
    done;
    Lwt_main.run (f i)
  in
  let others = List.init (n - 1) (fun i -> Domain.spawn (body (i + 1))) in
  let mine = try Ok (body 0 ()) with e -> Error e in
  let theirs = List.map (fun d -> try Ok (Domain.join d) with e -> Error e) others in
  List.iter (function Ok () -> () | Error e -> raise e) (mine :: theirs)

let on_pool f =
  let pool = Lwt_interop.Pool.create ~domains:1 () in
  Lwt_main.run
    (Lwt.finalize
       (fun () -> Lwt_interop.Pool.spawn_on pool 0 f)
       (fun () -> Lwt_interop.Pool.shutdown pool))

let everywhere = [ "Domain 0"; "a domain"; "a pool's domain" ]

let suites ?(on = everywhere) ?(several = [ 2; 4 ]) cases =
  (* Before Alcotest redirects the output. *)
  Rust.watch "" 0;
  let one =
    List.filter
      (fun (name, _) -> List.mem name on)
      [
        ("Domain 0", fun f -> Lwt_main.run (f ()));
        ("a domain", on_domain);
        ("a pool's domain", on_pool);
      ]
  in
  let at_once n =
    (Printf.sprintf "%d domains" n, fun f -> on_domains n (fun _ -> f ()))
  in
  let place cases (name, run) =
    (name, List.map (fun c -> plain c.name (fun () -> run c.body)) cases)
  in
  List.map (place cases) one
  @ List.map
      (fun n -> place (List.filter (fun c -> not c.alone) cases) (at_once n))
      several

let scaled ~scale n = max 6 (n / scale)
let next_tag = Atomic.make 1
let tag () = Atomic.fetch_and_add next_tag 1

let nothing_left () =
  plain "every call is resolved, and Rust holds nothing" (fun () ->
      (* tokio drops cancelled futures on its own threads, with a delay. Streams keep roots until they are collected. *)
      Expect.eventually_blocking (fun () ->
          Gc.full_major ();
          (* Domain 0 releases what it cancelled last in the next iteration of its loop. *)
          Lwt_main.run (Lwt.pause ());
          let t = Lwt_interop.totals () in
          t.calls_started = t.calls_resolved
          && (t.roots, t.slots, t.tasks, t.messages) = (0, 0, 0, 0)))

type other = {
  handle : Lwt_interop.Handle.t;
  id : int;
  leave : unit -> unit;
  end_ : unit -> unit;
  join : unit -> unit;
}

let other ?(before_end = ignore) () =
  let born = Atomic.make None and may_end = Atomic.make false in
  let out = Atomic.make false in
  let body () =
    let left, u = Lwt.wait () in
    Atomic.set born (Some (Lwt_interop.Handle.current (), left, u));
    Lwt_main.run left;
    Atomic.set out true;
    Expect.eventually_blocking (fun () -> Atomic.get may_end);
    before_end ()
  in
  let domain = Domain.spawn body in
  Expect.eventually_blocking (fun () -> Atomic.get born <> None);
  let handle, left, u = Option.get (Atomic.get born) in
  let ask_to_leave () =
    ignore
      (Lwt_interop.Handle.post handle (fun () ->
           if Lwt.is_sleeping left then Lwt.wakeup_later u ())
        : bool)
  in
  {
    handle;
    id = Lwt_interop.Handle.id handle;
    leave =
      (fun () ->
        ask_to_leave ();
        Expect.eventually_blocking (fun () -> Atomic.get out));
    end_ =
      (fun () ->
        Atomic.set may_end true;
        ask_to_leave ());
    join = (fun () -> Domain.join domain);
  }

let with_other f =
  let other = other () in
  Lwt.finalize
    (fun () -> f other)
    (fun () ->
      other.end_ ();
      other.join ();
      Lwt.return_unit)

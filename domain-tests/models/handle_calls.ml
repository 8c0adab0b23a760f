module Handle = Lwt_interop.Handle

module Spec = struct
  type cmd =
    | Post of int  (** Adds this number to a list on the other domain. *)
    | Read  (** Reads the list with [spawn]. *)
    | Is_alive
    | Terminate

  let show_cmd = function
    | Post x -> Printf.sprintf "post %d" x
    | Read -> "read"
    | Is_alive -> "is_alive"
    | Terminate -> "terminate"

  (* Last first; [None] once the domain has terminated. *)
  type state = int list option
  type sut = { other : Everywhere.other; kept : int list ref }

  let arb_cmd _ =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        frequency
          [
            (8, map (fun x -> Post x) (int_bound 99));
            (5, return Read);
            (3, return Is_alive);
            (1, return Terminate);
          ])

  let init_state = Some []

  let init_sut () =
    Workers.start_watchdog "Handle: a call";
    { other = Everywhere.other (); kept = ref [] }

  let terminate sut =
    sut.other.end_ ();
    sut.other.join ()

  let cleanup sut =
    terminate sut;
    Workers.stop_watchdog ()

  let precond _ _ = true

  let next_state cmd state =
    match (cmd, state) with
    | Post x, Some kept -> Some (x :: kept)
    | Terminate, _ -> None
    | _ -> state

  let run cmd sut =
    let open STM in
    match cmd with
    | Post x ->
        let f () = sut.kept := x :: !(sut.kept) in
        Res (bool, Handle.post sut.other.handle f)
    | Read ->
        let f () = Lwt.return !(sut.kept) in
        let read () =
          try Ok (Lwt_main.run (Handle.spawn sut.other.handle f)) with e -> Error e
        in
        Res (result (list int) exn, read ())
    | Is_alive -> Res (bool, Handle.is_alive sut.other.handle)
    | Terminate -> Res (unit, terminate sut)

  let postcond cmd (state : state) (res : STM.res) =
    let open STM in
    match (cmd, res) with
    | (Post _ | Is_alive), Res ((Bool, _), b) -> b = Option.is_some state
    | Read, Res ((Result (List Int, Exn), _), answer) -> (
        match (answer, state) with
        | Ok found, Some kept -> found = kept
        | Error (Lwt_interop.Domain_terminated _), None -> true
        | _ -> false)
    | Terminate, Res ((Unit, _), ()) -> true
    | _ -> false
end

module Sequential = STM_sequential.Make (Spec)
module Parallel = STM_domain.Make (Spec)

(* [is_alive] and [post] change at the same moment. *)
let consistent () =
  let started = Atomic.make None in
  let domain = Domain.spawn (fun () -> Atomic.set started (Some (Handle.current ()))) in
  Workers.wait_until (fun () -> Option.is_some (Atomic.get started));
  let handle = Option.get (Atomic.get started) in
  while Handle.post handle ignore do
    Domain.cpu_relax ()
  done;
  let alive = Handle.is_alive handle in
  Domain.join domain;
  not alive

let tests =
  [
    QCheck.Test.make ~count:(Model.count 100)
      ~name:"Handle: not alive once post is refused" QCheck.unit consistent;
    Sequential.agree_test ~count:(Model.count 50) ~name:"Handle: used by one domain";
    QCheck.Test.make ~retries:10 ~count:(Model.count 20)
      ~name:"Handle: used by two domains"
      (Parallel.arb_cmds_triple 5 7)
      (Model.repeated 5 Parallel.agree_prop_par);
  ]

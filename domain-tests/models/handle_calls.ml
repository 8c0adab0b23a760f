module Handle = Lwt_interop.Handle

module Spec = struct
  type cmd =
    | Post of int  (** adds a number to a list that the domain keeps *)
    | Ask  (** for the list, with [spawn] *)
    | Is_alive
    | End

  let show_cmd = function
    | Post x -> Printf.sprintf "post %d" x
    | Ask -> "ask"
    | Is_alive -> "is_alive"
    | End -> "end"

  (* Last first; [None] when it has ended. *)
  type state = int list option
  type sut = { other : Everywhere.other; kept : int list ref }

  let arb_cmd _ =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        frequency
          [
            (8, map (fun x -> Post x) (int_bound 99));
            (5, return Ask);
            (3, return Is_alive);
            (1, return End);
          ])

  let init_state = Some []

  let init_sut () =
    Crew.watch "Handle: an answer";
    { other = Everywhere.other (); kept = ref [] }

  let end_ sut =
    sut.other.end_ ();
    sut.other.join ()

  let cleanup sut =
    end_ sut;
    Crew.unwatch ()

  let precond _ _ = true

  let next_state cmd state =
    match (cmd, state) with
    | Post x, Some kept -> Some (x :: kept)
    | End, _ -> None
    | _ -> state

  let run cmd sut =
    let open STM in
    match cmd with
    | Post x ->
        let f () = sut.kept := x :: !(sut.kept) in
        Res (bool, Handle.post sut.other.handle f)
    | Ask ->
        let f () = Lwt.return !(sut.kept) in
        let answer () =
          try Ok (Lwt_main.run (Handle.spawn sut.other.handle f)) with e -> Error e
        in
        Res (result (list int) exn, answer ())
    | Is_alive -> Res (bool, Handle.is_alive sut.other.handle)
    | End -> Res (unit, end_ sut)

  let postcond cmd (state : state) (res : STM.res) =
    let open STM in
    match (cmd, res) with
    | (Post _ | Is_alive), Res ((Bool, _), b) -> b = Option.is_some state
    | Ask, Res ((Result (List Int, Exn), _), answer) -> (
        match (answer, state) with
        | Ok found, Some kept -> found = kept
        | Error (Lwt_interop.Domain_terminated _), None -> true
        | _ -> false)
    | End, Res ((Unit, _), ()) -> true
    | _ -> false
end

module Sequential = STM_sequential.Make (Spec)
module Parallel = STM_domain.Make (Spec)

(* A domain that ends says so in one moment, whoever asks. *)
let refused () =
  let born = Atomic.make None in
  let domain = Domain.spawn (fun () -> Atomic.set born (Some (Handle.current ()))) in
  Crew.wait_until (fun () -> Option.is_some (Atomic.get born));
  let handle = Option.get (Atomic.get born) in
  while Handle.post handle ignore do
    Domain.cpu_relax ()
  done;
  let alive = Handle.is_alive handle in
  Domain.join domain;
  not alive

let tests =
  [
    QCheck.Test.make ~count:(Model.count 100) ~name:"Handle: dead to whom it refuses"
      QCheck.unit refused;
    Sequential.agree_test ~count:(Model.count 50) ~name:"Handle: used by one domain";
    QCheck.Test.make ~retries:10 ~count:(Model.count 20)
      ~name:"Handle: used by two domains"
      (Parallel.arb_cmds_triple 5 7)
      (Model.repeated 5 Parallel.agree_prop_par);
  ]

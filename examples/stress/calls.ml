open Lwt_interop

type expected =
  | Value of int
  | Exception of exn
  | Rust_error
  | Panic
  | Cancelled
  | End_of of Handle.t

let fits outcome expected =
  match (expected, outcome) with
  | Value wanted, Ok n -> n = wanted
  | Exception wanted, Error e -> e == wanted
  | Rust_error, Error (Lwt_interop.Rust_error { message; _ }) ->
      message = Rust.on_purpose ()
  | Panic, Error (Rust_panic { message; _ }) -> message = Rust.on_purpose ()
  | Cancelled, Error Lwt.Canceled -> true
  | End_of domain, Error (Domain_terminated id) ->
      id = Handle.id domain && not (Handle.is_alive domain)
  | _ -> false

exception On_purpose of int

let later seconds f = Lwt.map f (Lwt_unix.sleep seconds)
let a_millisecond = 0.001

type about = {
  n : int;  (** any number *)
  soon : float;  (** up to two milliseconds *)
  fails : bool;
  peer : Handle.t;
}

(* A function that returns [n] or raises, and the outcome that is expected then. *)
let given n ~fails =
  let e = On_purpose n in
  if fails then ((fun _ -> raise e), Exception e) else (Fun.id, Value n)

(* Kinds of calls: a name, and a function that makes a call, with its expected outcomes. *)
let kinds =
  [|
    ("ready at once", fun { n; _ } -> (Rust.ready n, [ Value n ]));
    ("ready after yields", fun { n; _ } -> (Rust.yields n, [ Value n ]));
    ("tokio's timer", fun { n; soon; _ } -> (Rust.timer n soon, [ Value n ]));
    ("tokio::spawn", fun { n; _ } -> (Rust.on_tokio n, [ Value n ]));
    ( "Rust awaits a promise",
      fun { n; soon; fails; _ } ->
        let f, expected = given n ~fails in
        (Rust.awaits (later soon (fun () -> f n)), [ expected ]) );
    ( "Rust calls OCaml",
      fun { n; soon; fails; _ } ->
        let f, expected = given n ~fails in
        (Rust.calls_back (fun n -> later soon (fun () -> f n)) n, [ expected ]) );
    ("Rust returns an error", fun { n; _ } -> (Rust.fails n, [ Rust_error ]));
    ("Rust panics", fun { n; _ } -> (Rust.panics n, [ Panic ]));
    ( "Lwt.cancel",
      fun { n; soon; _ } ->
        let p = Rust.timer n a_millisecond in
        Lwt.async (fun () -> later soon (fun () -> Lwt.cancel p));
        (p, [ Value n; Cancelled ]) );
    ( "Lwt.pick, a timeout",
      fun { n; soon; _ } ->
        let p = Rust.timer n a_millisecond in
        ignore (Lwt.pick [ p; later soon (fun () -> -1) ] : int Lwt.t);
        (p, [ Value n; Cancelled ]) );
    ( "Handle.spawn",
      fun { n; fails; peer; _ } ->
        let f, expected = given (Handle.id peer) ~fails in
        let work () = Lwt.map (fun _ -> f (Domain.self () :> int)) (Rust.yields n) in
        (Handle.spawn peer work, [ expected; End_of peer ]) );
    ( "Handle.spawn, cancelled",
      fun { soon; peer; _ } ->
        let p = Handle.spawn peer Rust.never in
        Lwt.async (fun () -> later soon (fun () -> Lwt.cancel p));
        (p, [ Cancelled; End_of peer ]) );
    ( "Domain::spawn",
      fun { fails; peer; _ } ->
        let expected = if fails then Panic else Value (Handle.id peer) in
        (Rust.cross_domain peer ~panics:fails, [ expected; End_of peer ]) );
    ( "Handle.spawn, for ever",
      fun { peer; _ } -> (Handle.spawn peer Rust.never, [ End_of peer ]) );
  |]

let names = Array.map fst kinds

let describe = function
  | Ok n -> Printf.sprintf "the value %d" n
  | Error e -> Printexc.to_string e

let check ~own ~row p expected =
  Tally.started ();
  let resolved outcome =
    Tally.resolved ~row outcome;
    if not (List.exists (fits outcome) (End_of own :: expected)) then
      Tally.fail "%s, called by domain %d, resolved to %s" names.(row) (Handle.id own)
        (describe outcome);
    Lwt.return_unit
  in
  Lwt.try_bind (fun () -> p) (fun n -> resolved (Ok n)) (fun e -> resolved (Error e))

let any ~own ~peer rng =
  let chance n = Random.State.int rng n = 0 in
  let last = Array.length kinds - 1 in
  (* The last kind blocks its caller until a domain ends, so it is rare. *)
  let row = if chance 200 then last else Random.State.int rng last in
  let n = Random.State.int rng 1000 and soon = Random.State.float rng 0.002 in
  let p, expected = snd kinds.(row) { n; soon; fails = chance 4; peer } in
  check ~own ~row p expected

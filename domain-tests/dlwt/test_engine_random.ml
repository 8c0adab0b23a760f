(* A random script of registrations, readiness, timers and stops makes the same callbacks run
   after each step on every engine. With a number as argument, prints the callbacks of that
   script on each engine.

   Engines differ in the order within an iteration, and in what a callback observes that does
   more than stop itself. So callbacks only stop themselves, and the result is sorted. *)

open Support

type place = { mutable mine : Unix.file_descr; mutable peer : Unix.file_descr option }

type registration = {
  place : int; (* or the kind of timer *)
  mutable event : Lwt_engine.event;
}

type run = {
  engine : Lwt_engine.t;
  random : Random.State.t;
  places : place array;
  mutable live : registration list;
  mutable made : int;
  mutable due : int; (* timers without delay that have not run *)
  mutable counted : bool; (* callbacks of descriptors are recorded *)
  mutable ran : string list; (* callbacks that ran in this step *)
}

let now = -1
let later = -2
let repeated = -3

let pair () =
  let mine, peer = Unix.socketpair ~cloexec:true PF_UNIX SOCK_STREAM 0 in
  Unix.set_nonblock mine;
  Unix.set_nonblock peer;
  { mine; peer = Some peer }

(* The first place is a regular file. *)
let places = 5

let file () =
  let name = Filename.temp_file "dlwt" ".txt" in
  let fd = Unix.openfile name [ O_RDWR; O_CLOEXEC ] 0 in
  Sys.remove name;
  { mine = fd; peer = None }

let close place =
  Unix.close place.mine;
  Option.iter Unix.close place.peer;
  place.peer <- None

let rec repeat_until_full f =
  match f () with
  | 0 -> ()
  | _ -> repeat_until_full f
  | exception Unix.Unix_error ((EAGAIN | EWOULDBLOCK | EPIPE | ECONNRESET), _, _) -> ()

let buffer = Bytes.create 65536

let put fd n =
  repeat_until_full (fun () ->
      ignore (Unix.write fd buffer 0 n);
      0)

let fill fd = repeat_until_full (fun () -> Unix.write fd buffer 0 65536)
let drain fd = repeat_until_full (fun () -> Unix.read fd buffer 0 65536)

let stop t r event =
  Lwt_engine.stop_event event;
  t.live <- List.filter (( != ) r) t.live;
  if r.place = now then t.due <- t.due - 1

(* The callback stops itself after some runs, or never. *)
let register t kind place =
  t.made <- t.made + 1;
  let name = Printf.sprintf "%s%d.%d" kind place t.made in
  let left = ref (Random.State.int t.random 6) in
  let r = { place; event = Lwt_engine.fake_event } in
  let run event =
    if t.counted || place < 0 then (
      t.ran <- name :: t.ran;
      decr left;
      if !left = 0 || place < 0 then stop t r event)
  in
  let fd = t.places.(max 0 place).mine in
  r.event <-
    (match kind with
    | "r" -> t.engine#on_readable fd run
    | "w" -> t.engine#on_writable fd run
    | "now" ->
        t.due <- t.due + 1;
        t.engine#on_timer 0. false run
    | _ -> t.engine#on_timer 1000. (place = repeated) run);
  t.live <- r :: t.live

let stop t r = stop t r r.event

let step t =
  let i = Random.State.int t.random places in
  let place = t.places.(i) in
  let with_peer f = Option.iter f place.peer in
  match Random.State.int t.random 18 with
  | 0 | 1 | 2 | 3 -> register t "r" i
  | 4 | 5 | 6 -> register t "w" i
  | 7 -> register t "now" now
  | 8 -> register t "later" (if Random.State.bool t.random then later else repeated)
  | (9 | 10) when t.live <> [] ->
      stop t (List.nth t.live (Random.State.int t.random (List.length t.live)))
  | 11 | 12 -> with_peer (fun fd -> put fd 1)
  | 13 -> with_peer (fun _ -> drain place.mine)
  | 14 -> with_peer (fun _ -> fill place.mine)
  | 15 -> with_peer drain
  | 16 ->
      with_peer Unix.close;
      place.peer <- None
  | 17 when i > 0 ->
      (* Reuses the descriptor numbers. *)
      List.iter (stop t) (List.filter (fun r -> r.place = i) t.live);
      close place;
      let fresh = pair () in
      place.mine <- fresh.mine;
      place.peer <- fresh.peer
  | _ -> ()

let trace (engine : Lwt_engine.t) ~seed =
  let t =
    {
      engine;
      random = Random.State.make [| seed |];
      places = Array.init places (fun i -> if i = 0 then file () else pair ());
      live = [];
      made = 0;
      due = 0;
      counted = false;
      ran = [];
    }
  in
  let one _ =
    for _ = 0 to Random.State.int t.random 4 do
      step t
    done;
    t.ran <- [];
    (* Engines differ in when timers without delay run. *)
    while t.due > 0 do
      engine#iter false
    done;
    t.counted <- true;
    engine#iter false;
    engine#iter false;
    t.counted <- false;
    let counts =
      Printf.sprintf "%d %d %d:" engine#readable_count engine#writable_count
        engine#timer_count
    in
    String.concat " " (counts :: List.sort compare t.ran)
  in
  let lines = List.init 60 one in
  Array.iter close t.places;
  engine#destroy;
  lines

let engines () : (string * (unit -> Lwt_engine.t)) list =
  let libev () = (new Lwt_engine.libev () :> Lwt_engine.t) in
  ("own", fun () -> new Lwt_engine.dlwt_epoll)
  :: ("select", fun () -> new Lwt_engine.select)
  :: (if Lwt_sys.have `libev then [ ("libev", libev) ] else [])

let agree make () =
  let runs = ref 0 in
  for seed = 1 to 300 do
    let own = trace (new Lwt_engine.dlwt_epoll) ~seed in
    let other = trace (make ()) ~seed in
    runs := !runs + List.length (List.filter (fun line -> String.length line > 8) own);
    check (Printf.sprintf "another result: test_engine_random.exe %d" seed) (own = other)
  done;
  check "callbacks run" (!runs > 5000)

let () =
  Sys.set_signal Sys.sigpipe Signal_ignore;
  match Sys.argv with
  | [| _; seed |] when int_of_string_opt seed <> None ->
      List.iter
        (fun (name, make) ->
          List.iter
            (fun line -> print_endline (name ^ " " ^ line))
            (trace (make ()) ~seed:(int_of_string seed)))
        (engines ())
  | _ ->
      let case (name, make) = Alcotest.test_case name `Quick (agree make) in
      Alcotest.run "dlwt engines"
        [ ("the same script", List.map case (List.tl (engines ()))) ]

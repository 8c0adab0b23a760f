open Lwt.Infix

let keep v = ignore (Sys.opaque_identity v : int)

let kept v =
  keep v;
  Lwt.return_unit

let next v = Lwt.return (v + 1)

let bind_resolved n =
  for i = 1 to n do
    ignore (Lwt.return i >>= kept : unit Lwt.t)
  done

let wakeup n =
  for i = 1 to n do
    let p, u = Lwt.task () in
    ignore (p >>= kept : unit Lwt.t);
    Lwt.wakeup u i
  done

let chain n =
  for i = 1 to n do
    let p, u = Lwt.task () in
    ignore (p >>= next >>= next >>= next >>= next >>= kept : unit Lwt.t);
    Lwt.wakeup u i
  done

(* One iteration is a join of 100,000 promises, which are then resolved. *)
let deep_join n =
  for _ = 1 to n do
    let tasks = List.init 100_000 (fun _ -> Lwt.task ()) in
    let all = Lwt.join (List.map fst tasks) in
    List.iter (fun (_, u) -> Lwt.wakeup u ()) tasks;
    assert (Lwt.state all = Return ())
  done

(* The last of four wins, and the others are cancelled. *)
let pick n =
  let other () = fst (Lwt.task ()) in
  for i = 1 to n do
    let p, u = Lwt.task () in
    let first = Lwt.pick [ other (); other (); other (); p ] in
    Lwt.wakeup u i;
    ignore (first >|= keep : unit Lwt.t)
  done

(* The reader waits for each element. *)
let stream n =
  let stream, push = Lwt_stream.create () in
  for i = 1 to n do
    let element = Lwt_stream.next stream in
    push (Some i);
    ignore (element >|= keep : unit Lwt.t)
  done

let all =
  let bench name iterations run = { Measure.name; iterations; run } in
  [
    bench "bind_resolved" 10_000_000 bind_resolved;
    bench "wakeup" 1_500_000 wakeup;
    bench "chain" 500_000 chain;
    bench "deep_join" 4 deep_join;
    bench "pick" 200_000 pick;
    bench "stream" 500_000 stream;
  ]

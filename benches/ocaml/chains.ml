open Lwt.Infix

let sink = ref 0

let keep v =
  sink := v;
  Lwt.return_unit

let rec chain f n = if n = 0 then Lwt.return_unit else f () >>= fun () -> chain f (n - 1)

let run ~in_flight f n =
  let shares = Benches_harness.Bench.shares n ~ways:in_flight in
  Lwt_main.run (Lwt.join (List.map (chain f) shares))

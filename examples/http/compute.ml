(* Each round depends on the one before, so they cannot run in parallel. *)
let rec go x rounds =
  if rounds = 0 then x else go (x lxor (x lsr 29) * 0x1f58476d1ce4e5b9) (rounds - 1)

let run ~rounds = go 1 (max 0 rounds)

(* Disturbances only make a run slower, so the fastest one counts. *)
let calibrate () =
  let rounds = 500_000 in
  let measure () =
    let start = Sys.time () in
    ignore (Sys.opaque_identity (run ~rounds) : int);
    float_of_int rounds /. ((Sys.time () -. start) *. 1e6)
  in
  let rec best so_far n =
    if n = 0 then so_far else best (Float.max so_far (measure ())) (n - 1)
  in
  best 0. 100

let of_us ~rounds_per_us us = int_of_float (float_of_int us *. rounds_per_us)

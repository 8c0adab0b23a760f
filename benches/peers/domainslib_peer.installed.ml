open Benches_harness
open Domainslib

let baseline = Native.condvar_ping_pong

let times n f =
  for _ = 1 to n do
    f ()
  done

(* Each sample spawns a domain. Samples are so long that this costs little beside the
   operations. *)
let beside ~there ~here =
  let domain = Domain.spawn there in
  here ();
  Domain.join domain

let one_way =
  Bench.operation "domainslib_chan_one_way" ~baseline ~at_least:1_000 (fun () ->
      let channel = Chan.make_bounded 1_000 in
      fun n ->
        beside
          ~there:(fun () -> times n (fun () -> Chan.recv channel))
          ~here:(fun () -> times n (Chan.send channel)))

let ping_pong =
  Bench.operation "domainslib_chan_ping_pong" ~baseline ~at_least:1_000 (fun () ->
      let there = Chan.make_bounded 1 and back = Chan.make_bounded 1 in
      let answer () = Chan.send back (Chan.recv there)
      and ask () =
        Chan.send there ();
        Chan.recv back
      in
      fun n -> beside ~there:(fun () -> times n answer) ~here:(fun () -> times n ask))

let () = main [ one_way; ping_pong ]

open Benches_harness

let floors =
  Floors.[ lwt_bind; lwt_wakeup; lwt_pause; lwt_cancel; c_call ]
  @ Native.[ condvar_ping_pong; domain_spawn_join; memcpy ]

let () =
  main
    (List.concat
       [
         floors;
         Calls.benches;
         Awaits.benches;
         Cancels.benches;
         Tokio.benches;
         Domains.benches;
         Channels.benches;
         Lane.benches;
         Loops.benches;
         Memory.benches;
         Scaling.benches;
         Idle.benches;
       ])

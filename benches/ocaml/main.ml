open Benches_harness

let baselines =
  Baselines.
    [
      lwt_bind;
      lwt_wakeup;
      lwt_pause;
      lwt_cancel;
      c_call;
      c_call_noalloc;
      local_executor;
      tokio_current_thread;
    ]
  @ Native.[ condvar_ping_pong; domain_spawn_join; memcpy ]

let () =
  main
    (List.concat
       [
         baselines;
         Calls.benches;
         Conversions.benches;
         Awaits.benches;
         Cancels.benches;
         Tasks.benches;
         Tokio.benches;
         Domains.benches;
         Channels.benches;
         Streams.benches;
         Blocking_pool.benches;
         Loops.benches;
         Memory.benches;
         Scaling.benches;
         Idle.benches;
       ])

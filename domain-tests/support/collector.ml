let collect n =
  if n mod 61 = 0 then Gc.compact ()
  else if n mod 7 = 0 then Gc.full_major ()
  else Gc.minor ()

let between_iterations () =
  Dlwt_rt.each_domain (fun () ->
      let n = ref 0 in
      let step () =
        incr n;
        collect !n
      in
      ignore (Lwt_main.Enter_iter_hooks.add_last step : Lwt_main.Enter_iter_hooks.hook);
      ignore (Lwt_main.Leave_iter_hooks.add_first step : Lwt_main.Leave_iter_hooks.hook))

let garbage i = String.init (1 + (i mod 50)) (fun k -> Char.chr (97 + ((i + k) mod 26)))

let beside f =
  let stop = Atomic.make false in
  let collector =
    Domain.spawn (fun () ->
        let n = ref 0 in
        while not (Atomic.get stop) do
          incr n;
          collect !n;
          ignore (Sys.opaque_identity (List.init 100 garbage) : string list);
          Unix.sleepf 0.001
        done)
  in
  Fun.protect f ~finally:(fun () ->
      Atomic.set stop true;
      Domain.join collector)

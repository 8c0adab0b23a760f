let handled = Atomic.make 0

let () =
  match Sys.getenv_opt "BEFORE" with
  | Some "handle" ->
      Sys.set_signal Sys.sigpipe (Signal_handle (fun _ -> Atomic.incr handled))
  | Some "ignore" -> Sys.set_signal Sys.sigpipe Signal_ignore
  | Some other -> invalid_arg other
  | None -> Sys.set_signal Sys.sigpipe Signal_default

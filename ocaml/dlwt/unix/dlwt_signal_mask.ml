(* OCaml runs no handler in a thread that blocks the signal. *)
let with_all_blocked f =
  let before = Unix.sigprocmask SIG_BLOCK (List.init 64 succ) in
  let restore () = ignore (Unix.sigprocmask SIG_SETMASK before) in
  match f () with
  | v ->
      restore ();
      v
  | exception exn ->
      let backtrace = Printexc.get_raw_backtrace () in
      restore ();
      Printexc.raise_with_backtrace exn backtrace

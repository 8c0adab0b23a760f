(* OCaml runs no handler in a thread that blocks the signal. *)

let all = List.init 64 succ

(* Finalisers may raise, also in [sigprocmask] when it has blocked the signals. So the mask to restore is known before. *)
let with_all_blocked_until f =
  let before = Unix.sigprocmask SIG_BLOCK [] in
  let restore () = ignore (Unix.sigprocmask SIG_SETMASK before : int list) in
  match
    ignore (Unix.sigprocmask SIG_BLOCK all : int list);
    f restore
  with
  | v ->
      restore ();
      v
  | exception exn ->
      let backtrace = Printexc.get_raw_backtrace () in
      restore ();
      Printexc.raise_with_backtrace exn backtrace

let with_all_blocked f = with_all_blocked_until (fun _ -> f ())

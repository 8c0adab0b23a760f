open Lwt.Syntax

let main () =
  (* A timeout. *)
  let* () =
    Lwt.catch
      (fun () -> Lwt_unix.with_timeout 0.01 (fun () -> Rust.request "the first"))
      (function
        | Lwt_unix.Timeout -> Lwt.return (print_endline "timeout") | e -> Lwt.fail e)
  in
  (* The first of two: [Lwt.pick] cancels the other one. *)
  let* () = Lwt.pick [ Rust.request "the second"; Lwt.pause () ] in
  (* [Lwt.choose] does not. *)
  let third = Rust.request "the third" in
  let* () = Lwt.choose [ third; Lwt.pause () ] in
  Lwt.cancel third;
  (* Rust cancels a promise of OCaml's. *)
  let promise, _ = Lwt.task () in
  Lwt.on_cancel promise (fun () -> print_endline "Rust has cancelled the promise");
  let* () = Lwt.catch (fun () -> Rust.wait_briefly promise) (fun _ -> Lwt.return_unit) in
  (* A request to stop, after which Rust can still wait. *)
  let stop, resolver = Lwt.wait () in
  let served = Rust.serve "the fourth" stop in
  Lwt.wakeup_later resolver ();
  served

let () = Lwt_main.run (main ())

open Lwt.Syntax
open Operation
open Outcome

let sleep =
  make "Lwt_unix.sleep" (fun _ choice ->
      let* () = Lwt_unix.sleep (float_of_int (Choice.int choice 3000) *. 1e-6) in
      Lwt.return value)

let pipe =
  make "pipe" (fun self choice ->
      let text = "x" ^ Choice.text choice in
      let n = String.length text in
      let out, into = Lwt_unix.pipe ~cloexec:true () in
      let closing fd =
        let unix = Lwt_unix.unix_file_descr fd in
        cleaning_up self (fun () -> Unix.close unix)
      in
      let close_out = closing out and close_into = closing into in
      let buffer = Bytes.create n in
      let read = Lwt_unix.read out buffer 0 n in
      let* () = a_while choice in
      let* (_ : int) = Lwt_unix.write_string into text 0 n in
      let* (_ : int) = read in
      close_out ();
      close_into ();
      check "the written text" (Bytes.to_string buffer = text) value)

let job =
  make "job of Lwt_unix" (fun _ _ ->
      let* stats = Lwt_unix.stat "/" in
      check "a directory" (stats.st_kind = Unix.S_DIR) value)

let detach =
  make "Lwt_preemptive.detach" (fun _ choice ->
      let n = Choice.int choice 100 in
      gives "a number" (n + 1) (Lwt_preemptive.detach succ n))

let all = [ (sleep, 3); (pipe, 4); (job, 3) ]

open Lwt.Syntax

(* Plain counters, so that a domain that is busy need not be asked. *)
type t = {
  listed : int Atomic.t;
  all_listed : bool Atomic.t;
  files : int Atomic.t;
  bytes : int Atomic.t;
}

let create () =
  {
    listed = Atomic.make 0;
    all_listed = Atomic.make false;
    files = Atomic.make 0;
    bytes = Atomic.make 0;
  }

let add counter n = ignore (Atomic.fetch_and_add counter n : int)
let listed t n = add t.listed n
let all_listed t = Atomic.set t.all_listed true
let files_done t = Atomic.get t.files

let file_done t ~bytes =
  add t.files 1;
  add t.bytes bytes

let bar ~width ~share =
  let full = int_of_float (share *. float_of_int width) in
  "[" ^ String.make full '#' ^ String.make (width - full) '.' ^ "]"

let line t ~title =
  let files = files_done t and listed = Atomic.get t.listed in
  let bytes = Human.bytes (Atomic.get t.bytes) in
  if Atomic.get t.all_listed then
    let share = if listed = 0 then 1. else float_of_int files /. float_of_int listed in
    Printf.sprintf "%s %s %3.0f %%  %s of %s files, %s" title (bar ~width:24 ~share)
      (100. *. share) (Human.count files) (Human.count listed) bytes
  else Printf.sprintf "%s %s files, %s, still listing" title (Human.count files) bytes

let to_line_start = "\r\027[K"
let redraws_per_second = 10.

let show t ~title work =
  if not (Unix.isatty Unix.stderr) then work
  else
    let rec redraw () =
      prerr_string (to_line_start ^ line t ~title);
      flush stderr;
      let* () = Lwt_unix.sleep (1. /. redraws_per_second) in
      redraw ()
    in
    let redraws = redraw () in
    let wipe () =
      Lwt.cancel redraws;
      prerr_string to_line_start;
      flush stderr;
      Lwt.return_unit
    in
    Lwt.finalize (fun () -> work) wipe

open Lwt.Syntax

let sanitizer = Sys.getenv_opt "UNDER_SANITIZER"
let under_sanitizer = sanitizer <> None

let failf fmt =
  Printf.ksprintf
    (fun text ->
      failwith (Printf.sprintf "%s (in domain %d)" text (Domain.self () :> int)))
    fmt

let that what ok = if not ok then failf "%s: expected to hold, but does not" what

let int what expected found =
  if expected <> found then failf "%s: expected %d, found %d" what expected found

let string what expected found =
  if expected <> found then failf "%s: expected %S, found %S" what expected found

let is_part text ~part =
  let n = String.length part in
  let rec go i =
    i + n <= String.length text && (String.sub text i n = part || go (i + 1))
  in
  go 0

let contains what ~part text =
  if not (is_part text ~part) then failf "%s: expected %S in %S" what part text

let rejected what p =
  Lwt.try_bind
    (fun () -> p)
    (fun _ -> failf "%s: expected a rejected promise, but it is fulfilled" what)
    Lwt.return

let raised what f =
  match f () with
  | _ -> failf "%s: expected an exception, but none is raised" what
  | exception e -> e

let panicked what ?(place = ".rs:") ~message = function
  | Lwt_interop.Rust_panic p ->
      string (what ^ ", message") message p.message;
      contains (what ^ ", location") ~part:place
        (Option.value p.location ~default:"no location")
  | e -> failf "%s: expected Rust_panic, found %s" what (Printexc.to_string e)

let cancelled what p =
  let* e = rejected what p in
  match e with
  | Lwt.Canceled -> Lwt.return_unit
  | e -> failf "%s: expected Lwt.Canceled, found %s" what (Printexc.to_string e)

let answer what expected p =
  let* result = p in
  match result with
  | Ok n ->
      int what expected n;
      Lwt.return_unit
  | Error text -> failf "%s: expected Ok %d, found Error %S" what expected text

let error what ~part p =
  let* result = p in
  match result with
  | Ok n -> failf "%s: expected an Error, found Ok %d" what n
  | Error text ->
      contains what ~part text;
      Lwt.return_unit

let rec eventually condition =
  if condition () then Lwt.return_unit
  else
    let* () = Lwt_unix.sleep 0.001 in
    eventually condition

let rec eventually_blocking condition =
  if not (condition ()) then (
    Unix.sleepf 0.001;
    eventually_blocking condition)

let rec status_of pid =
  try snd (Unix.waitpid [] pid) with Unix.Unix_error (EINTR, _, _) -> status_of pid

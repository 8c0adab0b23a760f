open Lwt.Syntax

let under_sanitizer = Sys.getenv_opt "UNDER_SANITIZER" <> None

let failf fmt =
  Printf.ksprintf
    (fun text ->
      failwith (Printf.sprintf "%s (in domain %d)" text (Domain.self () :> int)))
    fmt

let that what ok = if not ok then failf "%s: is not so" what

let int what expected found =
  if expected <> found then failf "%s: %d instead of %d" what found expected

let string what expected found =
  if expected <> found then failf "%s: %S instead of %S" what found expected

let is_part text ~part =
  let n = String.length part in
  let rec go i =
    i + n <= String.length text && (String.sub text i n = part || go (i + 1))
  in
  go 0

let contains what ~part text =
  if not (is_part text ~part) then failf "%s: no %S in %S" what part text

let rejected what p =
  Lwt.try_bind
    (fun () -> p)
    (fun _ -> failf "%s: the promise is fulfilled" what)
    Lwt.return

let raised what f =
  match f () with _ -> failf "%s: nothing is raised" what | exception e -> e

let panicked what ?(place = ".rs:") ~message = function
  | Lwt_interop.Rust_panic p ->
      string (what ^ ", message") message p.message;
      contains (what ^ ", location") ~part:place
        (Option.value p.location ~default:"no location")
  | e -> failf "%s: %s" what (Printexc.to_string e)

let cancelled what p =
  let* e = rejected what p in
  match e with
  | Lwt.Canceled -> Lwt.return_unit
  | e -> failf "%s: %s instead of Canceled" what (Printexc.to_string e)

let answer what expected p =
  let* result = p in
  match result with
  | Ok n ->
      int what expected n;
      Lwt.return_unit
  | Error text -> failf "%s: %s" what text

let told what ~part p =
  let* result = p in
  match result with
  | Ok n -> failf "%s: the answer %d" what n
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

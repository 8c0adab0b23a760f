(* Shared by the tests of the engine that a domain starts with. *)

open Support

let with_engine f () =
  let before = descriptors () in
  let engine : Lwt_engine.t = new Lwt_engine.dlwt_epoll in
  Fun.protect ~finally:(fun () -> engine#destroy) (fun () -> f engine);
  Alcotest.(check int) "descriptors" before (descriptors ())

let until (engine : Lwt_engine.t) condition =
  while not (condition ()) do
    engine#iter true
  done

let with_pipe f =
  let r, w = Unix.pipe ~cloexec:true () in
  let close fd = try Unix.close fd with Unix.Unix_error (EBADF, _, _) -> () in
  Fun.protect
    ~finally:(fun () ->
      close r;
      close w)
    (fun () -> f r w)

let put fd = ignore (Unix.write_substring fd "x" 0 1)
let take fd = ignore (Unix.read fd (Bytes.create 1) 0 1)
let count n _ = incr n

(* How many iterations a loop with a timer makes until that is due: more than a few mean that
   the loop did not sleep. *)
let iterations (engine : Lwt_engine.t) =
  let passed = ref false and n = ref 0 in
  ignore
    (engine#on_timer 0.02 false (fun event ->
         Lwt_engine.stop_event event;
         passed := true));
  until engine (fun () ->
      incr n;
      !passed);
  !n

let check_asleep engine = check "the loop sleeps" (iterations engine < 6)
let plain name f = Alcotest.test_case name `Quick f
let case name f = plain name (with_engine f)

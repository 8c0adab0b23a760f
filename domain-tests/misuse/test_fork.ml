(* Forking: a program of its own, since OCaml forks only while no second domain has run. *)

open Lwt.Syntax

(* [in_child f] is the result of [f], which runs in a forked child. *)
let in_child f =
  let read, write = Unix.pipe ~cloexec:true () in
  match Lwt_unix.fork () with
  | 0 ->
      let text = try f () with e -> "raised " ^ Printexc.to_string e in
      ignore (Unix.write_substring write text 0 (String.length text) : int);
      Unix._exit 0
  | pid ->
      Unix.close write;
      let text = In_channel.input_all (Unix.in_channel_of_descr read) in
      let status = Expect.status_of pid in
      Expect.that "the child exits with code 0" (status = Unix.WEXITED 0);
      text

let before_rust () =
  let text =
    in_child (fun () ->
        Lwt_main.run (Rust.my_async_func ());
        fst (Lwt_main.run (Rust.on_tokio "works")))
  in
  Expect.string "the child's own tokio runtime" "works" text

let after_rust () =
  Lwt_main.run (Rust.my_async_func ());
  let text =
    in_child (fun () ->
        (* The child's loop runs, and neither spins nor takes the parent's wake-ups. *)
        Lwt_main.run (Lwt_unix.sleep 0.01);
        match Rust.on_tokio "no error" with
        | exception Failure text -> text
        | p -> fst (Lwt_main.run p))
  in
  Expect.contains "the child's error" ~part:"forked" text;
  Expect.contains "the child's error says what to do" ~part:"Lwt_process" text;
  let text, _ = Lwt_main.run (Rust.on_tokio "still works") in
  Expect.string "a call of the parent" "still works" text

(* Also on threads that the child has started. *)
let other_threads () =
  Lwt_main.run (Rust.my_async_func ());
  let failure f = try f () with Failure text -> text in
  let expect text = Expect.contains "the error" ~part:"forked" text in
  expect
    (in_child (fun () ->
         Domain.join
           (Domain.spawn (fun () ->
                failure (fun () -> fst (Lwt_main.run (Rust.on_tokio "no error")))))));
  expect
    (in_child (fun () ->
         failure (fun () ->
             Lwt_main.run (Lwt_interop.Blocking.run (fun () -> "no error")))));
  expect
    (in_child (fun () ->
         failure (fun () ->
             ignore (Lwt_interop.Pool.create ~domains:1 () : Lwt_interop.Pool.t);
             "no error")))

let wakes_are_the_parents () =
  let text =
    in_child (fun () ->
        Lwt_main.run
          (let* () = Lwt_unix.sleep 0.05 in
           Lwt.return "slept"))
  in
  Expect.string "the child's loop" "slept" text;
  Expect.int "the parent's task gets all wake-ups" 499_500
    (Lwt_main.run (Rust.wake_ups 1000))

(* Both processes have the value, and only the parent drops it. *)
let collected_in_the_child () =
  let tag = Everywhere.tag () in
  let kept = ref (Some (Rust.thing_notifying tag)) in
  let text =
    in_child (fun () ->
        kept := None;
        Gc.full_major ();
        Lwt_main.run (Lwt_unix.sleep 0.01);
        "collected")
  in
  Expect.string "the child's collection" "collected" text;
  Expect.int "the parent's value" tag (Rust.thing_tag (Option.get !kept));
  kept := None;
  Gc.full_major ();
  Lwt_main.run (Rust.thing_dropped tag)

let () =
  Alcotest.run "fork"
    [
      ( "a forked process",
        [
          Alcotest.test_case "a child forked before any Rust call has its own runtime"
            `Quick before_rust;
          Alcotest.test_case "a child forked after a Rust call gets an error" `Quick
            after_rust;
          Alcotest.test_case "all threads of the child get it" `Quick other_threads;
          Alcotest.test_case "a child does not take the parent's wake-ups" `Quick
            wakes_are_the_parents;
          Alcotest.test_case "a child does not drop the parent's opaque values" `Quick
            collected_in_the_child;
        ] );
    ]

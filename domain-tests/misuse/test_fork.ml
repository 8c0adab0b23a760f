open Lwt.Syntax

(* Runs [f] in a forked child, and gives what it said. *)
let in_child f =
  let read, write = Unix.pipe ~cloexec:true () in
  match Lwt_unix.fork () with
  | 0 ->
      let said = try f () with e -> "raised " ^ Printexc.to_string e in
      ignore (Unix.write_substring write said 0 (String.length said) : int);
      Unix._exit 0
  | pid ->
      Unix.close write;
      let said = In_channel.input_all (Unix.in_channel_of_descr read) in
      let _, status = Unix.waitpid [] pid in
      Expect.that "the child ended well" (status = Unix.WEXITED 0);
      said

let before_rust () =
  let said =
    in_child (fun () ->
        Lwt_main.run (Rust.my_async_func ());
        fst (Lwt_main.run (Rust.on_tokio "all well")))
  in
  Expect.string "the child has a runtime of its own" "all well" said

let after_rust () =
  Lwt_main.run (Rust.my_async_func ());
  let said =
    in_child (fun () ->
        (* Its loop runs, and neither spins nor takes the parent's wake-ups. *)
        Lwt_main.run (Lwt_unix.sleep 0.01);
        match Rust.on_tokio "it was taken" with
        | exception Failure text -> text
        | p -> fst (Lwt_main.run p))
  in
  Expect.contains "the child is told" ~part:"forked" said;
  Expect.contains "and what to do" ~part:"Lwt_process" said;
  let text, _ = Lwt_main.run (Rust.on_tokio "the parent goes on") in
  Expect.string "the parent" "the parent goes on" text

let wakes_are_the_parents () =
  let said =
    in_child (fun () ->
        Lwt_main.run
          (let* () = Lwt_unix.sleep 0.05 in
           Lwt.return "slept"))
  in
  Expect.string "the child's loop" "slept" said;
  Expect.int "the parent is woken" 499_500 (Lwt_main.run (Rust.storm 1000))

(* The child has no loop that Rust knows of, and what both have is the parent's to drop. *)
let collected_by_the_child () =
  let tag = Everywhere.tag () in
  let kept = ref (Some (Rust.thing_telling tag)) in
  let said =
    in_child (fun () ->
        kept := None;
        Gc.full_major ();
        Lwt_main.run (Lwt_unix.sleep 0.01);
        "collected")
  in
  Expect.string "the child" "collected" said;
  Expect.int "the parent's value" tag (Rust.thing_tag (Option.get !kept));
  kept := None;
  Gc.full_major ();
  Lwt_main.run (Rust.thing_told tag)

let () =
  Alcotest.run "fork"
    [
      ( "a forked process",
        [
          Alcotest.test_case "before Rust was called" `Quick before_rust;
          Alcotest.test_case "after Rust was called" `Quick after_rust;
          Alcotest.test_case "wake-ups" `Quick wakes_are_the_parents;
          Alcotest.test_case "collected Rust values" `Quick collected_by_the_child;
        ] );
    ]

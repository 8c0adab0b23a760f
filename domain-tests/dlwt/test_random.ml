(* Random programs do the same in domains that run at once as they do alone. With a number as
   argument, prints the trace of that program, to be compared with stock Lwt.

   Random programs that stop with system calls, processes, ... in flight leak nothing. *)

open Lwt.Infix
open Support

let alone seed = Domain.join (Domain.spawn (fun () -> Random_program.trace ~seed))

let at_once seeds () =
  let seeds = Array.of_list seeds in
  let n = Array.length seeds in
  let expected = Array.map alone seeds in
  let next = Atomic.make 0 in
  let rec work () =
    let i = Atomic.fetch_and_add next 1 in
    if i < n then (
      (* In a domain of its own: see the interface of [Random_program]. *)
      check
        (Printf.sprintf "another trace: test_random.exe %d" seeds.(i))
        (alone seeds.(i) = expected.(i));
      work ())
  in
  List.init 3 (fun _ -> Domain.spawn work) |> List.iter Domain.join

let not_trivial () =
  let trace = alone 0 in
  check "the program does something" (String.length trace > 1000);
  check "each seed is another program" (alone 1 <> trace)

(* ------------------------------------------------------ operations in flight *)

let file = Filename.temp_file "dlwt" ".txt"

let operation random =
  let delay = Random.State.float random 0.002 in
  match Random.State.int random 10 with
  | 0 -> Lwt_unix.sleep 1000.
  | 1 -> Lwt_unix.sleep delay
  | 2 -> Lwt_unix.openfile file [ O_RDONLY; O_CLOEXEC ] 0 >>= Lwt_unix.close
  | 3 -> Lwt_unix.stat file >|= ignore
  | 4 -> Lwt_process.exec ("", [| "true" |]) >|= ignore
  | 5 -> Lwt_stream.next (Lwt_io.lines_of_file file) >|= ignore
  | 6 -> Lwt_unix.opendir "/" >>= Lwt_unix.closedir
  | 7 ->
      ignore (Lwt_unix.on_signal Sys.sigusr2 ignore);
      Lwt.return_unit
  | 8 -> Lwt_unix.system "exit 3" >|= ignore
  | _ -> Lwt_process.pread_line ("", [| "echo"; "text" |]) >|= ignore

(* Stops after some iterations, or with an exception. *)
let stop_in_flight seed () =
  let random = Random.State.make [| seed |] in
  let iterations = Random.State.int random 30 in
  let rec run i =
    Lwt.async (fun () -> operation random);
    if i < iterations then Lwt.pause () >>= fun () -> run (i + 1)
    else if Random.State.bool random then Lwt.fail Exit
    else Lwt_unix.sleep (Random.State.float random 0.004)
  in
  try Lwt_main.run (run 0) with Exit -> ()

let nothing_leaks () =
  Out_channel.with_open_bin file (fun oc -> output_string oc "one\ntwo\n");
  Lwt_main.run (Lwt_unix.stat file >|= ignore);
  let before = descriptors () in
  for i = 0 to 59 do
    List.init 3 (fun j -> Domain.spawn (stop_in_flight ((3 * i) + j)))
    |> List.iter Domain.join
  done;
  eventually (fun () -> busy_threads () = 0);
  (* The loop waits for processes, and the GC closes channels. *)
  eventually (fun () ->
      Gc.full_major ();
      Lwt_main.run (Lwt_unix.stat file >>= fun _ -> Lwt_unix.sleep 0.001);
      descriptors () = before && children () = []);
  Sys.remove file

let case name f = Alcotest.test_case name `Quick f

let () =
  match Sys.argv with
  | [| _; seed |] when int_of_string_opt seed <> None ->
      print_string (Random_program.trace ~seed:(int_of_string seed))
  | _ ->
      Alcotest.run "dlwt random programs"
        [
          ( "compared",
            [
              case "programs are not trivial" not_trivial;
              case "three domains at a time" (at_once (List.init 150 Fun.id));
            ] );
          ("operations in flight", [ case "nothing leaks" nothing_leaks ]);
        ]

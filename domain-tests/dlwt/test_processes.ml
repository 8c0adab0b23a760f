(* How processes are started: what the child inherits, what it costs the parent, and what
   happens if the program cannot be executed. In the initial domain and in another. *)

open Support

let all_signals = List.init 64 succ
let run ?cwd args = Lwt_main.run (Lwt_process.exec ?cwd ("", args))

(* ------------------------------------------------------------ signal masks *)

let mask_of_child () =
  Lwt_main.run (Lwt_process.pread ("", [| "grep"; "SigBlk"; "/proc/self/status" |]))

let with_blocked signals f =
  let before = Unix.sigprocmask SIG_BLOCK signals in
  Fun.protect ~finally:(fun () -> ignore (Unix.sigprocmask SIG_SETMASK before)) f

let mask ~blocked ~expected () =
  let text = with_blocked blocked mask_of_child in
  Scanf.sscanf text "SigBlk: %Lx" (fun mask ->
      check (Printf.sprintf "mask of the child: %Lx" mask) (mask = expected))

let masks =
  [
    ("no signal blocked", mask ~blocked:[] ~expected:0L);
    ("a signal blocked: inherited", mask ~blocked:[ Sys.sigusr1 ] ~expected:0x200L);
    ("all signals blocked, as in a pool: none", mask ~blocked:all_signals ~expected:0L);
  ]

(* -------------------------------------------------------------- page tables *)

let page_faults () =
  let stat = In_channel.with_open_bin "/proc/thread-self/stat" In_channel.input_all in
  let after_name = String.rindex stat ')' + 2 in
  match
    String.split_on_char ' '
      (String.sub stat after_name (String.length stat - after_name))
  with
  | _state :: _ppid :: _group :: _session :: _tty :: _tpgid :: _flags :: faults :: _ ->
      int_of_string faults
  | _ -> failwith stat

external small_pages :
  int -> (char, Bigarray.int8_unsigned_elt, Bigarray.c_layout) Bigarray.Array1.t
  = "dlwt_test_small_pages"

(* After a fork, the first write to each page of the parent is a page fault. *)
let no_copy () =
  let pages = 20_000 in
  let memory = small_pages (pages * 4096) in
  let write c =
    for i = 0 to pages - 1 do
      memory.{i * 4096} <- c
    done
  in
  write 'a';
  let before = page_faults () in
  write 'b';
  let without = page_faults () - before in
  check "a process" (run [| "true" |] = Unix.WEXITED 0);
  check "a shell" (Lwt_main.run (Lwt_unix.system "true") = Unix.WEXITED 0);
  let before = page_faults () in
  write 'c';
  let faults = page_faults () - before in
  check
    (Printf.sprintf "%d page faults, %d without a process" faults without)
    (faults - without < pages / 10)

(* ------------------------------------------------------------------- errors *)

let fails ?cwd program () =
  Lwt_main.run Lwt.return_unit;
  let before = descriptors () in
  let input, output = Unix.pipe ~cloexec:true () in
  let status =
    Lwt_main.run (Lwt_process.exec ?cwd ~stdout:(`FD_move output) ("", [| program |]))
  in
  Unix.close input;
  check "the exit code is 127" (status = Unix.WEXITED 127);
  check "descriptors" (descriptors () = before)

let errors =
  [
    ("no such program", fails "/no/such/program");
    ("not on the path", fails "no-such-program");
    ("not executable", fails "/etc/passwd");
    ("a directory", fails "/");
    ("no such working directory", fails ~cwd:"/no/such/directory" "true");
    ("a file as working directory", fails ~cwd:"/etc/passwd" "true");
  ]

let closed_descriptor () =
  let fd = Unix.dup Unix.stdout in
  Unix.close fd;
  let status = Lwt_main.run (Lwt_process.exec ~stdout:(`FD_copy fd) ("", [| "true" |])) in
  check "the exit code is 127" (status = Unix.WEXITED 127)

let no_zombies () =
  for _ = 1 to 50 do
    ignore (run [| "true" |])
  done;
  check "no child is left" (children () = [])

let case (name, f) =
  [
    Alcotest.test_case name `Quick f;
    Alcotest.test_case (name ^ ", another domain") `Quick (fun () -> elsewhere f);
  ]

(* ThreadSanitizer replaces vfork by fork. *)
let memory =
  if sanitizer = Some "tsan" then [] else case ("the page tables are not copied", no_copy)

let () =
  (* Descriptors of the initial domain's loop. *)
  ignore (run [| "true" |]);
  Alcotest.run "dlwt processes"
    [
      ("signal mask", List.concat_map case masks);
      ("memory", memory);
      ( "cannot be executed",
        List.concat_map case (errors @ [ ("a closed descriptor", closed_descriptor) ]) );
      ("zombies", case ("none", no_zombies));
    ]

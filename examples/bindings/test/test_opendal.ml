open Lwt.Syntax
open Lwt_opendal
module Stream = Lwt_interop.Stream
module Pool = Lwt_interop.Pool

(* A test that runs in a Lwt loop, beside a pool of two domains. *)
let case ?tokio name test =
  Alcotest.test_case name `Quick (fun () -> Lwt_interop.run ?tokio ~domains:2 test)

let rec remove path =
  if Sys.is_directory path then (
    Array.iter (fun name -> remove (Filename.concat path name)) (Sys.readdir path);
    Sys.rmdir path)
  else Sys.remove path

let with_directory f =
  let directory = Filename.temp_dir "opendal" "" in
  Lwt.finalize
    (fun () -> f directory)
    (fun () ->
      remove directory;
      Lwt.return_unit)

let in_directory path = Array.to_list (Sys.readdir path)
let memory test () = test (Operator.create "memory" [])

let fs test () =
  with_directory (fun root -> test (Operator.create "fs" [ ("root", root) ]))

(* The service fs, with a directory for files that are not complete. *)
let atomic test () =
  with_directory (fun root ->
      with_directory (fun unfinished ->
          let options = [ ("root", root); ("atomic_write_dir", unfinished) ] in
          test (Operator.create "fs" options) ~root ~unfinished))

let both name test =
  [ case ("fs: " ^ name) (fs test); case ("memory: " ^ name) (memory test) ]

(* Waits until the condition holds. *)
let rec eventually condition =
  if condition () then Lwt.return_unit
  else
    let* () = Lwt_unix.sleep 0.001 in
    eventually condition

(* Expects an error of this kind, and returns its message. *)
let error kind = function
  | Error (Opendal_error { kind = actual; message; _ }) ->
      Alcotest.(check bool) message true (actual = kind);
      message
  | Error e -> raise e
  | Ok _ -> Alcotest.fail "no error"

let fails kind f = Lwt.map (error kind) (Lwt_result.catch f)
let fails_ kind f = Lwt.map ignore (fails kind f)

let mentions text message =
  let length = String.length text in
  let rec at i =
    i + length <= String.length message
    && (String.sub message i length = text || at (i + 1))
  in
  Alcotest.(check bool) (Printf.sprintf "%s: %s" text message) true (at 0)

let string = Alcotest.(check string)

(* Lists a directory, without the directory itself, which only some services list. *)
let list ?recursive op directory =
  let+ entries = Stream.to_list (Operator.list op ?recursive directory) in
  let paths = List.map (fun e -> e.path) entries in
  List.sort compare (List.filter (fun path -> path <> directory) paths)

let names = Alcotest.(check (list string))

(* ---- files *)

let files op =
  let* () = Operator.write op "a/b.txt" "hello" in
  let* content = Operator.read op "a/b.txt" in
  string "content" "hello" content;
  let* { mode; content_length; last_modified; _ } = Operator.stat op "a/b.txt" in
  Alcotest.(check bool) "mode" true (mode = File);
  Alcotest.(check int) "length" 5 content_length;
  Option.iter
    (fun t -> Alcotest.(check bool) "time" true (Float.abs (t -. Unix.time ()) < 3600.))
    last_modified;
  let binary = String.init 1000 (fun i -> Char.chr (i land 255)) in
  let* () = Operator.write op "a/b.txt" binary in
  let* content = Operator.read op "a/b.txt" in
  string "replaced" binary content;
  let* () = Operator.write op "empty" "" in
  let* content = Operator.read op "empty" in
  string "empty" "" content;
  let* () = Operator.delete op "a/b.txt" in
  let* exists = Operator.exists op "a/b.txt" in
  Alcotest.(check bool) "deleted" false exists;
  let* exists = Operator.exists op "empty" in
  Alcotest.(check bool) "not deleted" true exists;
  Operator.delete op "a/b.txt"

let ranges op =
  let* () = Operator.write op "file" "0123456789" in
  let read ?offset ?length expected =
    let* content = Operator.read op ?offset ?length "file" in
    string "read" expected content;
    let+ parts = Stream.to_list (Operator.read_stream op ?offset ?length "file") in
    string "read_stream" expected (String.concat "" parts)
  in
  let* () = read ~offset:3 "3456789" in
  let* () = read ~length:3 "012" in
  read ~offset:3 ~length:3 "345"

let directories op =
  let* () = Operator.create_dir op "d/e/" in
  let* { mode; _ } = Operator.stat op "d/e/" in
  Alcotest.(check bool) "mode" true (mode = Dir);
  let* () = Lwt_list.iter_s (fun p -> Operator.write op p p) [ "d/1"; "d/e/2"; "3" ] in
  let has ?recursive directory expected =
    let+ paths = list op ?recursive directory in
    names directory expected paths
  in
  let* () = has "d/" [ "d/1"; "d/e/" ] in
  let* () = has ~recursive:true "d/" [ "d/1"; "d/e/"; "d/e/2" ] in
  let* () = has "none/" [] in
  let* entries = Stream.to_list (Operator.list op "d/e/") in
  let file = List.find (fun e -> e.entry_mode = File) entries in
  string "name" "2" file.name;
  let* () = Operator.remove_all op "d/" in
  let* () = has ~recursive:true "d/" [] in
  let* content = Operator.read op "3" in
  string "outside" "3" content;
  Lwt.return_unit

let copies op =
  let* () = Operator.write op "one" "content" in
  let* () = Operator.copy op "one" "new/two" in
  let* () = Operator.rename op "one" "new/three" in
  let* exists = Operator.exists op "one" in
  Alcotest.(check bool) "renamed" false exists;
  let check path =
    let+ content = Operator.read op path in
    string path "content" content
  in
  let* () = check "new/two" in
  let* () = check "new/three" in
  let* () = Operator.write op ~append:true "new/two" ", and more" in
  let* content = Operator.read op "new/two" in
  string "appended" "content, and more" content;
  let* message = fails NotFound (fun () -> Operator.copy op "one" "two") in
  mentions "one" message;
  Lwt.map ignore (fails IsSameFile (fun () -> Operator.copy op "new/two" "new/two"))

(* ---- errors *)

let missing op =
  let expect f =
    let+ message = fails NotFound f in
    mentions "NotFound" message;
    mentions "no/such/file" message
  in
  let path = "no/such/file" in
  let* () = expect (fun () -> Operator.read op path) in
  let* () = expect (fun () -> Operator.stat op path) in
  let* () = expect (fun () -> Stream.next (Operator.read_stream op path)) in
  (* A target that is written from it fails with the same error. *)
  expect (fun () -> Operator.write_stream op "target" (Operator.read_stream op path))

let unsupported op =
  let* () = Operator.write op "one" "content" in
  let* () = fails_ Unsupported (fun () -> Operator.copy op "one" "two") in
  let* () = fails_ Unsupported (fun () -> Operator.rename op "one" "two") in
  fails_ Unsupported (fun () -> Operator.write op ~append:true "one" "more")

let kinds op =
  let* () = Operator.create_dir op "directory/" in
  let* () = fails_ IsADirectory (fun () -> Operator.read op "directory/") in
  let* () = fails_ IsADirectory (fun () -> Operator.write op "directory/" "x") in
  let* () = fails_ NotADirectory (fun () -> Operator.create_dir op "file") in
  let* message = fails Unexpected (fun () -> Operator.write op "directory" "x") in
  mentions "directory" message;
  let* () = Operator.write op "short" "0123456789" in
  let* message =
    fails Unexpected (fun () -> Operator.read op ~offset:3 ~length:8 "short")
  in
  mentions "too little data" message;
  Lwt.return_unit

(* What the documentation says of "..". *)
let outside () =
  with_directory (fun directory ->
      let root = Filename.concat directory "root" in
      let op = Operator.create "fs" [ ("root", root) ] in
      let* () = Operator.write op "../outside" "" in
      Alcotest.(check bool) "outside" true (List.mem "outside" (in_directory directory));
      Lwt.return_unit)

(* OpenDAL's service memory has this bug. *)
let panic op =
  let* () = Operator.write op "short" "0123456789" in
  let* result =
    Lwt_result.catch (fun () -> Operator.read op ~offset:3 ~length:8 "short")
  in
  match result with
  | Error (Lwt_interop.Rust_panic { message; _ }) ->
      mentions "out of bounds" message;
      let+ content = Operator.read op "short" in
      string "afterwards" "0123456789" content
  | Error e -> Lwt.reraise e
  | Ok _ -> Alcotest.fail "no panic"

let create_fails () =
  let create service options () = Lwt.return (Operator.create service options) in
  let* message = fails ConfigInvalid (create "fs" []) in
  mentions "root is not specified" message;
  let* message = fails Unsupported (create "nowhere" []) in
  mentions "nowhere" message;
  Lwt.return_unit

let arguments op =
  let invalid f =
    let+ result = Lwt_result.catch f in
    match result with
    | Error (Invalid_argument message) -> message
    | Error e -> raise e
    | Ok _ -> Alcotest.fail "no error"
  in
  let* message = invalid (fun () -> Operator.read op "caf\xe9") in
  mentions "path" message;
  let+ message = invalid (fun () -> Operator.read op ~offset:(-1) "a") in
  mentions "offset" message

(* ---- streams *)

let part i = String.make (10_000 + i) (Char.chr (97 + (i mod 26)))

let streams op =
  let parts = List.init 300 part in
  let* length = Operator.write_stream op "file" (Stream.of_list parts) in
  let content = String.concat "" parts in
  Alcotest.(check int) "length" (String.length content) length;
  let* read = Operator.read op "file" in
  Alcotest.(check bool) "read" true (read = content);
  let* read = Stream.to_list (Operator.read_stream op "file") in
  Alcotest.(check bool) "read_stream" true (String.concat "" read = content);
  let* length = Operator.write_stream op "copy" (Operator.read_stream op "file") in
  Alcotest.(check int) "length of the copy" (String.length content) length;
  let* read = Operator.read op "copy" in
  Alcotest.(check bool) "copy" true (read = content);
  let* length = Operator.write_stream op "empty" (Stream.of_list []) in
  Alcotest.(check int) "no parts" 0 length;
  let* read = Stream.to_list (Operator.read_stream op "empty") in
  string "empty" "" (String.concat "" read);
  (* The rest of a stream that is closed is not read. *)
  Stream.with_stream (Operator.read_stream op "file") (fun s ->
      let+ first = Stream.next s in
      Alcotest.(check bool) "a part" true (first <> None))

let many_entries op =
  let paths = List.init 500 (Printf.sprintf "many/%03d") in
  let* () = Lwt_list.iter_p (fun path -> Operator.write op path "") paths in
  let+ found = list op "many/" in
  names "entries" paths found

exception Broken

(* Parts until [stop] is true, and then an exception. [asked] counts them. *)
let endless ?(stop = fun _ -> false) asked closed =
  Stream.from
    ~close:(fun () -> incr closed)
    (fun () ->
      incr asked;
      let* () = Lwt.pause () in
      if stop !asked then Lwt.fail Broken else Lwt.return (Some (part 0)))

(* Waits for the tasks that abort writes in the background. *)
let aborted unfinished =
  let* () = eventually (fun () -> (Lwt_interop.totals ()).tokio_tasks = 0) in
  Alcotest.(check (list string)) "unfinished files" [] (in_directory unfinished);
  Lwt.return_unit

let source_fails op ~root ~unfinished =
  let* () = Operator.write op "old" "content" in
  let write path =
    let asked = ref 0 and closed = ref 0 in
    let stop n = n = 200 in
    let* result =
      Lwt_result.catch (fun () ->
          Operator.write_stream op path (endless ~stop asked closed))
    in
    Alcotest.(check bool) "the same exception" true (result = Error Broken);
    Alcotest.(check int) "closed" 1 !closed;
    aborted unfinished
  in
  let* () = write "new" in
  let* () = write "old" in
  names "files" [ "old" ] (in_directory root);
  let+ content = Operator.read op "old" in
  string "the old file" "content" content

(* ---- cancelling *)

(* Cancels a write after a part of it has arrived in this directory. *)
let cancelled_write op path directory =
  let asked = ref 0 and closed = ref 0 in
  let written = Operator.write_stream op path (endless asked closed) in
  let has_content name = (Unix.stat (Filename.concat directory name)).st_size > 0 in
  let* () = eventually (fun () -> List.exists has_content (in_directory directory)) in
  Lwt.cancel written;
  Alcotest.(check bool) "cancelled" true (Lwt.state written = Fail Lwt.Canceled);
  eventually (fun () -> !closed = 1)

let cancelled op ~root ~unfinished =
  let* () = Operator.write op "old" "content" in
  let* () = cancelled_write op "new" unfinished in
  let* () = aborted unfinished in
  let* () = cancelled_write op "old" unfinished in
  let* () = aborted unfinished in
  names "files" [ "old" ] (in_directory root);
  let+ content = Operator.read op "old" in
  string "the old file" "content" content

(* Whether the file is open, or not yet, or complete: nothing else remains. *)
let cancelled_at_any_time op ~root ~unfinished =
  let write i =
    let written = Operator.write op "new" (String.make 100_000 'x') in
    let+ () = Lwt_unix.sleep (float i *. 1e-5) in
    Lwt.cancel written
  in
  let* () = Lwt_list.iter_s write (List.init 300 Fun.id) in
  let* () = aborted unfinished in
  Alcotest.(check bool) "files" true (List.mem (in_directory root) [ []; [ "new" ] ]);
  Lwt.return_unit

(* What the documentation says of writes that are not atomic. *)
let cancelled_in_place () =
  with_directory (fun root ->
      let op = Operator.create "fs" [ ("root", root) ] in
      let* () = cancelled_write op "new" root in
      names "files" [ "new" ] (in_directory root);
      Lwt.return_unit)

let cancelled_read op =
  let* () = Operator.write op "file" (String.make 5_000_000 'x') in
  let cancel _ =
    let reading = Operator.read op "file" in
    Lwt.cancel reading;
    Lwt.state reading = Fail Lwt.Canceled
  in
  let cancelled = List.filter cancel (List.init 20 Fun.id) in
  Alcotest.(check bool) "cancelled" true (cancelled <> []);
  let+ content = Operator.read op "file" in
  Alcotest.(check int) "length" 5_000_000 (String.length content)

(* ---- domains *)

(* Alcotest has one formatter for all domains, so only the test's own domain checks. *)
let domains op =
  let pool = Pool.default () in
  let copy i =
    let path = string_of_int i in
    let* length = Operator.write_stream op path (Stream.of_list (List.init 50 part)) in
    let* copied = Operator.write_stream op (path ^ "+") (Operator.read_stream op path) in
    let+ missing = Lwt_result.catch (fun () -> Operator.read op (path ^ "-")) in
    ((Domain.self () :> int), length = copied, missing)
  in
  let* results = Pool.map pool copy (List.init 40 Fun.id) in
  let domains = List.sort_uniq compare (List.map (fun (d, _, _) -> d) results) in
  Alcotest.(check int) "domains" 2 (List.length domains);
  let check i (_, is_copied, missing) =
    Alcotest.(check bool) "copied" true is_copied;
    mentions (string_of_int i ^ "-") (error NotFound missing)
  in
  List.iteri check results;
  let+ files = list op "/" in
  Alcotest.(check int) "files" 80 (List.length files)

(* ---- memory *)

(* Of this process, in MB. *)
let peak_memory () =
  In_channel.with_open_text "/proc/self/status" (fun status ->
      let rec find () =
        match Scanf.sscanf_opt (input_line status) "VmHWM: %d kB" Fun.id with
        | Some kb -> kb / 1024
        | None -> find ()
      in
      find ())

(* The length of a file that is more than may be in memory. 1024 takes some 10 s. *)
let megabytes =
  match Sys.getenv_opt "OPENDAL_TEST_MEGABYTES" with
  | Some n -> int_of_string n
  | None -> 256

(* How much the process may grow. *)
let limit = 100

let long_files () =
  with_directory (fun root ->
      let op = Operator.create "fs" [ ("root", root) ] in
      let length = megabytes * 1_048_576 in
      (* It takes no space on the disk. *)
      Out_channel.with_open_bin (Filename.concat root "sparse") ignore;
      Unix.truncate (Filename.concat root "sparse") length;
      let before = peak_memory () in
      let count n part = Lwt.return (n + String.length part) in
      let* read = Stream.fold count 0 (Operator.read_stream op "sparse") in
      Alcotest.(check int) "read" length read;
      let* written = Operator.write_stream op "copy" (Operator.read_stream op "sparse") in
      Alcotest.(check int) "written" length written;
      let growth = peak_memory () - before in
      Printf.printf "%d MB: memory has grown by %d MB\n%!" megabytes growth;
      Alcotest.(check bool) "memory" true (growth < limit);
      Lwt.return_unit)

let () =
  Alcotest.run "lwt_opendal"
    [
      (* First, because the other tests use more memory. *)
      ("memory", [ case "long files" long_files ]);
      ( "files",
        both "write, read, stat, delete" files
        @ both "ranges" ranges
        @ both "directories" directories
        @ [ case "fs: copy, rename, append" (fs copies) ] );
      ( "errors",
        both "NotFound" missing
        @ [
            case "memory: Unsupported" (memory unsupported);
            case "fs: other kinds" (fs kinds);
            case "fs: a path that leads out of the root" outside;
            case "memory: a panic of OpenDAL" (memory panic);
            case "an operator that cannot be created" create_fails;
            case "arguments that Rust refuses" (memory arguments);
          ] );
      ( "streams",
        both "parts" streams
        @ both "many entries" many_entries
        @ [ case "a source that fails leaves no file" (atomic source_fails) ] );
      ( "cancelling",
        [
          case "a write leaves no file" (atomic cancelled);
          case "at any time" (atomic cancelled_at_any_time);
          case "a write in place leaves a part" cancelled_in_place;
          case "a read" (fs cancelled_read);
        ] );
      ( "domains",
        both "two domains use one operator" domains
        @ [ case ~tokio:`Own "fs: domains with tokio runtimes of their own" (fs domains) ]
      );
    ]

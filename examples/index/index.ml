(* The command line. *)

open Lwt.Syntax
open Lwt_interop

let warn format = Printf.ksprintf (fun text -> prerr_endline ("index: " ^ text)) format

(* Exit codes. *)
let all_done = 0
let something_failed = 1
let nothing_done = 2
let interrupted = 130

let run ~domains ~top paths =
  let title =
    Printf.sprintf "%d %s" domains (if domains = 1 then "domain" else "domains")
  in
  let progress = Rust.Progress.start title in
  Lwt.finalize
    (fun () -> Indexer.run progress ~domains ~top paths)
    (fun () -> Lwt.return (Rust.Progress.clear progress))

(* Writes to a plain OCaml channel, on a thread that may block. *)
let write_index file (result : Indexer.result) =
  let write channel =
    Seq.iter (fun (word, n) -> Printf.fprintf channel "%s\t%d\n" word n) result.index;
    (* Closing would ignore a full disk. *)
    Out_channel.flush channel
  in
  Blocking.run (fun () -> Out_channel.with_open_bin file write)

let write_out out result =
  match out with
  | None -> Lwt.return true
  | Some file ->
      Lwt.try_bind
        (fun () -> write_index file result)
        (fun () ->
          Printf.printf "\n  The index is in %s.\n%!" file;
          Lwt.return true)
        (function
          | Sys_error why ->
              warn "the index could not be written: %s" why;
              Lwt.return false
          | e -> Lwt.fail e)

let same (a : Indexer.result) (b : Indexer.result) = Seq.equal ( = ) a.index b.index

let faster (a : Indexer.result) (b : Indexer.result) =
  if a.seconds <= b.seconds then a else b

(* Other programs slow a run down, and nothing makes it faster, so the best of several runs counts. The
   two kinds take turns, so that a busy machine affects both. *)
let rounds = 3

let compare_runs ~domains ~top paths =
  let round () =
    let* one = run ~domains:1 ~top paths in
    let* many = run ~domains ~top paths in
    Lwt.return (one, many, same one many)
  in
  let rec more n (one, many, all_same) =
    if n = 0 then Lwt.return (one, many, all_same)
    else
      let* one', many', same' = round () in
      let all_same = all_same && same' && same one one' in
      more (n - 1) (faster one one', faster many many', all_same)
  in
  let* () = Indexer.read_all paths in
  let* first = round () in
  let* one, many, all_same = more (rounds - 1) first in
  Report.summary many;
  Report.comparison ~rounds [ (1, one); (domains, many) ];
  if all_same then Printf.printf "\n  The indexes are identical.\n%!"
  else warn "the indexes differ: did a file change in the meantime?";
  Lwt.return (many, all_same)

let single_run ~domains ~top paths =
  let* result = run ~domains ~top paths in
  Report.summary result;
  Lwt.return (result, true)

let index ~domains ~top ~out ~compare paths =
  let* result, same =
    (if compare then compare_runs else single_run) ~domains ~top paths
  in
  let* written = write_out out result in
  Report.unreadable result.unreadable;
  if result.distinct = 0 then warn "there are no words in %s" (String.concat ", " paths);
  let fine = same && written && result.unreadable = [] in
  Lwt.return (if fine then all_done else something_failed)

(* The first Ctrl-C cancels the work on all domains, its Rust futures included. A second one kills. *)
let until_interrupted work =
  let work = work () in
  let handler = ref None in
  let stop _ =
    Option.iter Lwt_unix.disable_signal_handler !handler;
    Lwt.cancel work
  in
  handler := Some (Lwt_unix.on_signal Sys.sigint stop);
  Lwt.catch
    (fun () -> work)
    (function
      | Lwt.Canceled ->
          warn "interrupted";
          Lwt.return interrupted
      | e -> Lwt.fail e)

let main domains top out compare paths =
  if compare && domains < 2 then (
    warn "--compare needs two domains or more, as with --domains 2";
    nothing_done)
  else if not (List.exists Sys.file_exists paths) then (
    Report.unreadable (List.map (fun path -> (path, "no such file or directory")) paths);
    nothing_done)
  else
    try
      Lwt_main.run (until_interrupted (fun () -> index ~domains ~top ~out ~compare paths))
    with Failure why ->
      warn "%s" why;
      nothing_done

(* ---- the command line *)

open Cmdliner

let at_least least =
  let parse text =
    match int_of_string_opt text with
    | Some n when n >= least -> Ok n
    | _ -> Error (`Msg (Printf.sprintf "%S is not a number from %d on" text least))
  in
  Arg.conv (parse, Format.pp_print_int)

let domains =
  let doc = "Count words on $(docv) domains." in
  Arg.(
    value
    & opt (at_least 1) (Domain.recommended_domain_count ())
    & info [ "domains" ] ~docv:"N" ~doc)

let top =
  let doc = "Show the $(docv) most frequent words." in
  Arg.(value & opt (at_least 0) 10 & info [ "top" ] ~docv:"K" ~doc)

let out =
  let doc = "Write the index to $(docv): a line for each word, sorted, with its count." in
  Arg.(value & opt (some string) None & info [ "out" ] ~docv:"FILE" ~doc)

let compare =
  let doc =
    Printf.sprintf
      "Run with one domain and with $(b,--domains) domains, %d times by turns, and \
       compare the indexes and the best times."
      rounds
  in
  Arg.(value & flag & info [ "compare" ] ~doc)

let paths =
  let doc =
    "The directories and files to index. Directories are indexed with everything below \
     them."
  in
  Arg.(non_empty & pos_all string [] & info [] ~docv:"DIR" ~doc)

let command =
  let exits =
    Cmd.Exit.
      [
        info all_done ~doc:"on success.";
        info something_failed
          ~doc:
            "if a file could not be read or the index could not be written; the rest is \
             done.";
        info nothing_done
          ~doc:
            "if nothing could be done: the command line is wrong, or no $(i,DIR) exists.";
        info interrupted ~doc:"if it was interrupted.";
        info internal_error ~doc:"on an internal error.";
      ]
  in
  let man =
    [
      `S Manpage.s_description;
      `P "Counts the words of all text files in some directories, on all cores.";
      `P
        "A word is a run of letters, digits and underscores, 2 to 64 bytes long; ASCII \
         letters are counted in lower case. Files with a zero byte near their beginning \
         are not text and are skipped. In text that is not UTF-8, a space replaces each \
         invalid sequence. Symbolic links within the directories are not followed.";
    ]
  in
  let doc = "count the words of many files, on many domains" in
  Cmd.v
    (Cmd.info "index" ~doc ~exits ~man)
    Term.(const main $ domains $ top $ out $ compare $ paths)

let () =
  exit
    (match Cmd.eval_value command with
    | Ok (`Ok code) -> code
    | Ok (`Help | `Version) -> all_done
    | Error (`Parse | `Term) -> nothing_done
    | Error `Exn -> Cmd.Exit.internal_error)

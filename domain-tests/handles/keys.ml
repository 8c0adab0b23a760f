(* Handles compare, and hash, by their numbers. *)

open Lwt.Syntax
open Everywhere
module Handle = Lwt_interop.Handle
module Table = Hashtbl.Make (Handle)
module Map = Map.Make (Handle)

let sign n = Int.compare n 0

let check what (h1 : Handle.t) (h2 : Handle.t) =
  let order = Int.compare (Handle.id h1) (Handle.id h2) in
  let is_same = order = 0 in
  let that operation = Expect.that (what ^ ": " ^ operation) in
  that "(=)" (h1 = h2 = is_same);
  that "(<>)" (h1 <> h2 = not is_same);
  that "(<)" (h1 < h2 = (order < 0));
  that "compare" (sign (compare h1 h2) = order);
  that "Handle.compare" (sign (Handle.compare h1 h2) = order);
  that "Handle.equal" (Handle.equal h1 h2 = is_same);
  that "within other values" ((1, [ h1 ]) = (1, [ h2 ]) = is_same);
  that "List.mem" (List.mem h1 [ h2 ] = is_same);
  that "Hashtbl.hash" (Hashtbl.hash h1 = Hashtbl.hash h2 = is_same);
  that "Handle.hash" (Handle.hash h1 = Hashtbl.hash h1);
  let table = Hashtbl.create 1 in
  Hashtbl.replace table h1 ();
  that "Hashtbl.mem" (Hashtbl.mem table h2 = is_same);
  let table = Table.create 1 in
  Table.replace table h1 ();
  that "Hashtbl.Make" (Table.mem table h2 = is_same);
  that "Map.Make" (Map.mem h2 (Map.singleton h1 ()) = is_same)

let refuses_to_marshal what (h : Handle.t) =
  List.iter
    (fun flags ->
      match Marshal.to_string h flags with
      | exception Invalid_argument _ -> ()
      | _ -> Expect.failf "%s: expected Invalid_argument, but it was marshalled" what)
    [ []; [ Marshal.Closures ]; [ Marshal.No_sharing; Marshal.Closures ] ]

(* Every pair of an idle domain, one with messages in its mailbox, and one that has terminated. *)
let in_every_state () =
  let idle = other () and ended = other () in
  ended.end_ ();
  ended.join ();
  (* This domain runs no loop here, so its messages stay in the mailbox. *)
  let busy = Handle.current () in
  let hash = Hashtbl.hash busy in
  for _ = 1 to 10 do
    Expect.that "posted" (Handle.post busy (fun () -> ()))
  done;
  Expect.int "the hash with messages" hash (Hashtbl.hash busy);
  let all = [ ("idle", idle.handle); ("busy", busy); ("terminated", ended.handle) ] in
  let check_all where =
    List.iter
      (fun (n1, h1) ->
        List.iter
          (fun (n2, h2) -> check (Printf.sprintf "%s: %s and %s" where n1 n2) h1 h2)
          all;
        refuses_to_marshal n1 h1)
      all
  in
  check_all "here";
  Domain.join (Domain.spawn (fun () -> check_all "a domain without a loop"));
  Gc.compact ();
  check_all "after a compaction";
  (* Rust still accepts the handles. *)
  Lwt_main.run
    (let* here = Rust.task_with_outcome idle.handle 0 in
     Expect.int "where the task runs" idle.id here;
     let* e = Expect.rejected "terminated" (Rust.task_with_outcome ended.handle 0) in
     Expect.that "Domain_terminated" (e = Lwt_interop.Domain_terminated ended.id);
     Lwt.return_unit);
  idle.end_ ();
  idle.join ()

(* While other threads push into the mailbox. *)
let meanwhile () =
  let h = Handle.current () in
  let hash = Hashtbl.hash h in
  let stop = Atomic.make false in
  let sender =
    Domain.spawn (fun () ->
        while not (Atomic.get stop) do
          ignore (Handle.post h ignore : bool)
        done)
  in
  for _ = 1 to 10_000 do
    Expect.that "equal" (h = Sys.opaque_identity h);
    Expect.int "the hash" hash (Hashtbl.hash h)
  done;
  Atomic.set stop true;
  Domain.join sender;
  Lwt_main.run (Lwt.pause ())

let suites =
  [
    ( "keys",
      [
        plain "handles of domains in every state compare and hash by number"
          in_every_state;
        plain "a handle compares and hashes while messages arrive" meanwhile;
      ] );
  ]

open Lwt.Syntax

type 'a t = 'a Stream_core.t

let finished = { Stream_core.elements = [||]; ending = Finished }
let single x = { Stream_core.elements = [| x |]; ending = More }
let of_option = function None -> finished | Some x -> single x

(* ---- receiving *)

let next = Stream_core.next

let next_batch ?(max = 64) s =
  if max < 1 then
    invalid_arg
      (Printf.sprintf "Lwt_interop.Stream.next_batch: max is %d, and must be at least 1"
         max);
  Stream_core.next_array "next_batch" s max

(* ---- closing *)

let close = Stream_core.close

(* Nothing interrupts the callback before the stream is closed. *)
let finally_closed s f =
  Lwt.finalize f (fun () ->
      Stream_core.shut s;
      Lwt.return_unit)

let with_stream s f =
  Stream_core.check "with_stream" s;
  finally_closed s (fun () -> f s)

(* ---- consumers *)

(* An element that is buffered is received without yielding to the loop. *)
let elements_per_yield = 64

let consume name f init s =
  let rec go n acc =
    let* item = next s in
    match item with
    | None -> Lwt.return acc
    | Some x ->
        let* acc = f acc x in
        if n > 1 then go (n - 1) acc
        else
          let* () = Lwt.pause () in
          go elements_per_yield acc
  in
  Stream_core.check name s;
  finally_closed s (fun () -> go elements_per_yield init)

let fold f init s = consume "fold" f init s
let iter f s = consume "iter" (fun () x -> f x) () s

let to_list s =
  let add list x = Lwt.return (x :: list) in
  Lwt.map List.rev (consume "to_list" add [] s)

(* ---- derived streams *)

(* [f] is the user's: what it raises ends the stream. [keep] is not, and is called again after an exception
   that came from elsewhere. *)
let rec convert_from i f keep { Stream_core.elements; ending } converted =
  let all converted = Array.of_list (List.rev converted) in
  if i = Array.length elements then { Stream_core.elements = all converted; ending }
  else
    match f elements.(i) with
    | y -> convert_from (i + 1) f keep { elements; ending } (keep y converted)
    | exception e -> { elements = all converted; ending = Failed e }

let derive name f keep s =
  Stream_core.check name s;
  (* The last batch was empty. A source that is always ready must not keep the loop from running. *)
  let was_empty = ref false in
  let pull = Stream_core.repeatable_pull s in
  (* Nothing interrupts the callback before it calls [get]. *)
  let pull_after_pause n =
    Lwt.bind (Lwt.pause ()) (fun () ->
        Sys.opaque_identity (Uninterrupted.get (Executor.failure ()) pull n))
  in
  let convert batch =
    let converted = convert_from 0 f keep batch [] in
    was_empty := Array.length converted.elements = 0;
    converted
  in
  Stream_core.make
    (Source
       {
         pull = (fun n -> if !was_empty then pull_after_pause n else pull n);
         convert;
         is_exact = Stream_core.is_exact s;
         is_cancellable = true;
         is_repeatable = true;
         close = (fun () -> Stream_core.shut s);
       })

let map f s = derive "map" f List.cons s

let filter_map f s =
  let keep y list = match y with None -> list | Some y -> y :: list in
  derive "filter_map" f keep s

(* ---- constructors *)

(* An exception of the user's function is reported once, although a step may call this again. *)
type closing = { close : unit -> unit; mutable is_called : bool; mutable raised : exn }

exception Nothing

let close_once c () =
  if not c.is_called then (
    c.is_called <- true;
    try c.close () with e -> c.raised <- e);
  match c.raised with
  | Nothing -> ()
  | e ->
      let report () = Lwt.fail e in
      c.raised <- Nothing;
      Lwt.async report

let exact ?(is_cancellable = false) ?(is_repeatable = false) ?(close = ignore) pull
    convert =
  Stream_core.Source
    { pull; convert; is_exact = true; is_cancellable; is_repeatable; close }

(* A [pull] that is not repeatable makes no tail call, so that nothing interrupts it before the user's
   function is called: see [Uninterrupted]. *)

let from ?close f =
  let pull _ = Sys.opaque_identity (f ()) in
  match close with
  | None -> Stream_core.make (exact pull of_option)
  | Some close ->
      let close = close_once { close; is_called = false; raised = Nothing } in
      Stream_core.make_closing (exact ~close pull of_option)

let of_list list = Stream_core.of_array (Array.of_list list)

let of_seq seq =
  let rest = ref seq and node = ref Seq.Nil in
  let pull _ =
    node := !rest ();
    Lwt.return_unit
  in
  let convert () =
    match !node with
    | Seq.Nil -> finished
    | Cons (x, seq) ->
        rest := seq;
        single x
  in
  Stream_core.make (exact pull convert)

let of_lwt_seq seq =
  let rest = ref seq in
  let pull _ = Sys.opaque_identity (!rest ()) in
  let convert = function
    | Lwt_seq.Nil -> finished
    | Cons (x, seq) ->
        rest := seq;
        single x
  in
  Stream_core.make (exact pull convert)

let of_lwt_stream stream =
  let pull _ = Sys.opaque_identity (Lwt_stream.get stream) in
  Stream_core.make (exact ~is_cancellable:true pull of_option)

let of_channel channel =
  let pull = Stream_core.or_rejected (fun _ -> Channel.recv channel) in
  Stream_core.make (exact ~is_cancellable:true ~is_repeatable:true pull of_option)

(* ---- views *)

let to_lwt_stream s =
  Stream_core.check "to_lwt_stream" s;
  Lwt_stream.from (fun () -> next s)

(* A node of a sequence. The promise is stored as soon as it may have taken an element, so that nothing is
   lost, and every traversal finds the same element. *)
type 'a node = { mutable item : 'a option Lwt.t; mutable rest : 'a Lwt_seq.t option }

let unread = Lwt.fail Lwt.Canceled

let rec seq_of s =
  let node = { item = unread; rest = None } in
  fun () ->
    (match Lwt.state node.item with
    (* A wait that was cancelled has taken nothing. *)
    | Fail _ -> node.item <- next s
    | Return _ | Sleep -> ());
    Lwt.map
      (fun item -> Uninterrupted.get (Executor.failure ()) (read s node) item)
      node.item

and read s node = function
  | None -> Lwt_seq.Nil
  | Some x -> (
      match node.rest with
      | Some rest -> Cons (x, rest)
      | None ->
          node.rest <- Some (seq_of s);
          read s node (Some x))

let to_lwt_seq s =
  Stream_core.check "to_lwt_seq" s;
  seq_of s

(* ---- between domains *)

type 'a moved = 'a Handover.t

let move = Handover.move
let accept = Handover.accept

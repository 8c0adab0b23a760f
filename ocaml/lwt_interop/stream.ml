open Lwt.Syntax

type 'a t = 'a Stream_core.t

let finished = { Stream_core.elements = [||]; ending = Finished }
let single x = { Stream_core.elements = [| x |]; ending = More }
let of_option = function None -> finished | Some x -> single x

exception Nothing

(* Promises that are not there yet. *)
let unread = Lwt.fail Lwt.Canceled
let no_value = Lwt.fail Nothing

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
  Stream_core.check_in_loop "with_stream" s;
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
  Stream_core.check_in_loop name s;
  finally_closed s (fun () -> go elements_per_yield init)

let fold f init s = consume "fold" f init s
let iter f s = consume "iter" (fun () x -> f x) () s

(* It takes all that there is, so it can take batches from every source. *)
let to_list s =
  let rec go n batches =
    let* batch = Stream_core.next_array "to_list" s elements_per_yield in
    let length = Array.length batch in
    if length = 0 then
      let add list batch = Array.fold_right List.cons batch list in
      Lwt.return (List.fold_left add [] batches)
    else if n > length then go (n - length) (batch :: batches)
    else
      let* () = Lwt.pause () in
      go elements_per_yield (batch :: batches)
  in
  Stream_core.check_in_loop "to_list" s;
  finally_closed s (fun () -> go elements_per_yield [])

(* ---- sources of the elements that somebody waits for *)

let exact ?(is_cancellable = false) ?(is_repeatable = false) ?(close = ignore) pull
    convert =
  Stream_core.Source
    ( (),
      {
        pull = (fun () n -> Sys.opaque_identity (pull n));
        convert;
        close;
        is_exact = true;
        is_cancellable;
        is_repeatable;
        ends_with_domain = false;
      } )

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
       ( (),
         {
           pull = (fun () n -> if !was_empty then pull_after_pause n else pull n);
           convert;
           close = (fun () -> Stream_core.shut s);
           is_exact = Stream_core.is_exact s;
           is_cancellable = true;
           is_repeatable = true;
           ends_with_domain = false;
         } ))

let map f s = derive "map" f List.cons s

let filter_map f s =
  let keep y list = match y with None -> list | Some y -> y :: list in
  derive "filter_map" f keep s

(* The element, and then the promise of [f], are kept until the stream has the value. So a pull that is cancelled
   leaves them to the next one, and one that is interrupted goes on. *)
let map_s f s =
  Stream_core.check "map_s" s;
  let item = ref unread and is_called = ref false in
  let promise = ref no_value and raised = ref Nothing in
  let call = function
    | None -> Lwt.return_none
    | Some x -> (
        if not !is_called then (
          is_called := true;
          match f x with p -> promise := p | exception e -> raised := e);
        if !raised != Nothing then Lwt.fail !raised
        else
          try Lwt.protected (Lwt.map Option.some !promise)
          with Invalid_argument _ as e -> (* Another domain's promise. *) Lwt.fail e)
  in
  let pull _ =
    (match Lwt.state !item with
    (* A wait that was cancelled has taken nothing. *)
    | Fail _ -> item := next s
    | Return _ | Sleep -> ());
    (* Nothing interrupts the callback before it calls [get]. *)
    Lwt.bind !item (fun item ->
        Sys.opaque_identity (Uninterrupted.get (Executor.failure ()) call item))
  in
  let convert value =
    item := unread;
    is_called := false;
    of_option value
  in
  let close () =
    if !is_called then Executor.cancel !promise;
    Stream_core.shut s
  in
  let pull = Stream_core.or_rejected pull in
  Stream_core.make (exact ~is_cancellable:true ~is_repeatable:true ~close pull convert)

(* ---- constructors *)

(* An exception of the user's function is reported once, although a step may call this again. *)
type closing = { close : unit -> unit; mutable is_called : bool; mutable raised : exn }

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

(* A source of the elements that are there, at most as many as somebody waits for. [look ()] is a node with the
   next one, or [none], and [drop ()] removes that element from where it is. If there are no elements, the promise of
   [wait] says when there is one, or with [None] that there will be none. What [look] raises ends the stream after the
   elements before: it comes from the user's code, apart from an exception of a signal handler or a finaliser.
   Everything else may be interrupted, and goes on when [pull] or [convert] is called again. *)
let available ~is_cancellable ~none ~element look drop wait =
  let is_pulling = ref false and nodes = ref [||] and count = ref 0 in
  let raised = ref Nothing and batch = ref finished in
  let rec take () =
    drop ();
    if !count < Array.length !nodes && !raised == Nothing then
      match look () with
      | node when node == none -> ()
      | node ->
          Array.unsafe_set !nodes !count node;
          incr count;
          take ()
      | exception e -> raised := e
  in
  let is_empty () = !count = 0 && !raised == Nothing in
  let pull n =
    if not !is_pulling then (
      let room = Array.make n none in
      nodes := room;
      count := 0;
      batch := finished;
      is_pulling := true);
    take ();
    let promise = if is_empty () then wait () else Lwt.return_none in
    is_pulling := false;
    promise
  in
  let convert awaited =
    if !batch != finished then !batch
    else (
      if Option.is_some awaited then take ();
      if is_empty () && Option.is_none awaited then finished
      else
        (* There are none if another one has taken them. *)
        let elements = Array.init !count (fun i -> element !nodes.(i)) in
        let ending = if !raised == Nothing then Stream_core.More else Failed !raised in
        let made = { Stream_core.elements; ending } in
        batch := made;
        nodes := [||];
        made)
  in
  Stream_core.make (exact ~is_cancellable ~is_repeatable:true pull convert)

let of_seq seq =
  let rest = ref seq in
  let look () =
    let node = !rest () in
    (match node with Seq.Nil -> rest := Seq.empty | Cons (_, seq) -> rest := seq);
    node
  and element = function Seq.Cons (x, _) -> x | Nil -> assert false in
  available ~is_cancellable:false ~none:Seq.Nil ~element look ignore (fun () ->
      Lwt.return_none)

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

(* [Lwt_stream.peek] returns the block that its stream holds. An element whose removal was interrupted has been
   removed if that is another one. *)
let of_lwt_stream stream =
  let first () =
    match Lwt.state (Lwt_stream.peek stream) with
    | Return item -> item
    | Fail e -> raise e
    | Sleep -> None
  in
  let found = ref None and is_dropping = ref false in
  let look () =
    let item = first () in
    found := item;
    item
  and drop () =
    match !found with
    | None -> ()
    | item ->
        if not (!is_dropping && first () != item) then (
          is_dropping := true;
          ignore (Lwt_stream.junk stream : unit Lwt.t));
        found := None;
        is_dropping := false
  in
  available ~is_cancellable:true ~none:None ~element:Option.get look drop (fun () ->
      Lwt_stream.peek stream)

let of_channel channel =
  let pull = Stream_core.or_rejected (fun max -> Channel.recv_many ~max channel) in
  let convert = function
    | [||] -> finished
    | elements -> { Stream_core.elements; ending = More }
  in
  Stream_core.make (exact ~is_cancellable:true ~is_repeatable:true pull convert)

(* ---- views *)

let to_lwt_stream s =
  Stream_core.check "to_lwt_stream" s;
  Lwt_stream.from (fun () -> next s)

(* A node of a sequence. The promise is stored as soon as it may have taken an element, so that nothing is
   lost, and every traversal finds the same element. *)
type 'a node = { mutable item : 'a option Lwt.t; mutable rest : 'a Lwt_seq.t option }

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

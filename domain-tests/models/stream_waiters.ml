module Stream = Lwt_interop.Stream
module Core = Lwt_interop__.Stream_core

type cmd =
  | Next
  | Next_batch of int
  | Cancel of int  (** The promise at this index, modulo the number of promises. *)
  | Deliver of int * ending  (** This many elements, if the stream has asked. *)
  | Close
  | Move  (** And accept it on the same domain. *)

and ending = More | Finished | Failed

let show_cmd = function
  | Next -> "next"
  | Next_batch n -> Printf.sprintf "next_batch %d" n
  | Cancel i -> Printf.sprintf "cancel %d" i
  | Deliver (n, More) -> Printf.sprintf "deliver %d" n
  | Deliver (n, Finished) -> Printf.sprintf "deliver %d, finish" n
  | Deliver (n, Failed) -> Printf.sprintf "deliver %d, fail" n
  | Close -> "close"
  | Move -> "move"

(* ---- the model *)

type kind = One | Many of int
type promise = Waiting of kind | Resolved of string

type state = {
  is_exact : bool;
  is_cancellable : bool;
  buffer : int list;
  promises : promise list;
      (** In the order of their calls, which is that of the queue. *)
  is_pulling : bool;
  is_asked : bool;  (** The source has not answered, even if the stream was closed. *)
  sizes : int list;  (** Of all pulls. *)
  ending : ending;
  is_closed : bool;
  delivered : int;
}

let max_of = function One -> 1 | Many n -> n
let is_over s = s.is_closed || s.ending <> More
let some x = Printf.sprintf "Some %d" x
let array l = String.concat ";" (List.map string_of_int l)

let rec split n = function
  | x :: rest when n > 0 ->
      let first, rest = split (n - 1) rest in
      (x :: first, rest)
  | rest -> ([], rest)

(* The result of a call: elements of the buffer, or the end. *)
let outcome s kind =
  match (s.buffer, kind) with
  | x :: buffer, One -> Some (some x, buffer)
  | _ :: _, Many n ->
      let taken, buffer = split n s.buffer in
      Some (array taken, buffer)
  | [], _ when s.is_closed || s.ending = Finished ->
      Some ((match kind with One -> "None" | Many _ -> ""), [])
  | [], _ when s.ending = Failed -> Some ("Exit", [])
  | [], _ -> None

let rec replace_first by = function
  | Waiting _ :: rest -> by :: rest
  | p :: rest -> p :: replace_first by rest
  | [] -> []

let first_waiting s =
  List.find_map (function Waiting kind -> Some kind | Resolved _ -> None) s.promises

let rec serve s =
  match first_waiting s with
  | None -> s
  | Some kind -> (
      match outcome s kind with
      | Some (text, buffer) ->
          serve { s with buffer; promises = replace_first (Resolved text) s.promises }
      | None when s.is_pulling -> s
      | None ->
          let size = if s.is_exact then min 64 (max_of kind) else 64 in
          { s with is_pulling = true; is_asked = true; sizes = size :: s.sizes })

let stop_pull s =
  if s.is_cancellable then { s with is_pulling = false; is_asked = false } else s

let call kind s = serve { s with promises = s.promises @ [ Waiting kind ] }
let chosen i promises = i mod List.length promises

(* The new state, and the result of the command. *)
let step cmd s =
  match cmd with
  | Next -> (call One s, "")
  | Next_batch n -> (call (Many n) s, "")
  | Cancel _ when s.promises = [] -> (s, "")
  | Cancel i -> (
      let i = chosen i s.promises in
      match List.nth s.promises i with
      | Resolved _ -> (s, "")
      | Waiting _ ->
          let cancel k p = if k = i then Resolved "Canceled" else p in
          let s = { s with promises = List.mapi cancel s.promises } in
          ((if first_waiting s = None && s.is_pulling then stop_pull s else s), ""))
  | Deliver _ when not s.is_asked -> (s, "")
  | Deliver _ when not s.is_pulling -> ({ s with is_asked = false }, "late")
  | Deliver (n, ending) ->
      let elements = List.init n (fun i -> s.delivered + i) in
      let buffer = s.buffer @ elements and delivered = s.delivered + n in
      let s = { s with buffer; delivered; ending } in
      (serve { s with is_pulling = false; is_asked = false }, "delivered")
  | Close when s.is_closed -> (s, "")
  | Close ->
      let s = if s.is_pulling then stop_pull s else s in
      (serve { s with is_closed = true; is_pulling = false; buffer = [] }, "")
  | Move when first_waiting s <> None -> (s, "refused")
  | Move -> (s, "moved")

let view result ~closed ~sizes ~is_asked promises =
  String.concat " | "
    (result :: string_of_int closed :: string_of_bool is_asked :: array sizes :: promises)

let view_model s result =
  let show = function Waiting _ -> "..." | Resolved text -> text in
  view result
    ~closed:(Bool.to_int (is_over s))
    ~sizes:s.sizes ~is_asked:s.is_asked (List.map show s.promises)

(* ---- the implementation *)

module Spec (Source : sig
  val is_exact : bool
  val is_cancellable : bool
end) =
struct
  type nonrec cmd = cmd

  let show_cmd = show_cmd

  type nonrec state = state
  type promise = Item of int option Lwt.t | Items of int array Lwt.t

  type sut = {
    producer : int Producer.t;
    mutable stream : int Stream.t;
    mutable promises : promise list;  (** Last first. *)
    mutable delivered : int;
  }

  let arb_cmd _ =
    QCheck.make ~print:show_cmd
      QCheck.Gen.(
        let size = int_range 1 5 in
        let deliver ending n = Deliver (n, ending) in
        frequency
          [
            (8, return Next);
            (4, map (fun n -> Next_batch n) size);
            (8, map (fun i -> Cancel i) (int_bound 99));
            (8, map (deliver More) size);
            (1, map (deliver Finished) (int_bound 3));
            (1, map (deliver Failed) (int_bound 3));
            (1, return Close);
            (3, return Move);
          ])

  let init_state =
    {
      is_exact = Source.is_exact;
      is_cancellable = Source.is_cancellable;
      buffer = [];
      promises = [];
      is_pulling = false;
      is_asked = false;
      sizes = [];
      ending = More;
      is_closed = false;
      delivered = 0;
    }

  let init_sut () =
    let producer, stream =
      Producer.make ~is_exact:Source.is_exact ~is_cancellable:Source.is_cancellable ()
    in
    { producer; stream; promises = []; delivered = 0 }

  let cleanup sut = Stream.close sut.stream
  let precond _ _ = true
  let next_state cmd state = fst (step cmd state)

  let show value p =
    match Lwt.state p with
    | Lwt.Sleep -> "..."
    | Return v -> value v
    | Fail Lwt.Canceled -> "Canceled"
    | Fail Exit -> "Exit"
    | Fail e -> Printexc.to_string e

  let show_promise = function
    | Item p -> show (function None -> "None" | Some x -> some x) p
    | Items p -> show (fun a -> array (Array.to_list a)) p

  let perform cmd sut =
    let keep p = sut.promises <- p :: sut.promises in
    match cmd with
    | Next ->
        keep (Item (Stream.next sut.stream));
        ""
    | Next_batch max ->
        keep (Items (Stream.next_batch ~max sut.stream));
        ""
    | Cancel i ->
        (if sut.promises <> [] then
           match List.nth (List.rev sut.promises) (chosen i sut.promises) with
           | Item p -> Lwt.cancel p
           | Items p -> Lwt.cancel p);
        ""
    | Deliver _ when not (Producer.is_asked sut.producer) -> ""
    | Deliver (n, ending) ->
        let elements = List.init n (fun i -> sut.delivered + i) in
        let closed = sut.producer.closed > 0 in
        let ending =
          match ending with
          | More -> Core.More
          | Finished -> Core.Finished
          | Failed -> Core.Failed Exit
        in
        Producer.deliver sut.producer ~ending elements;
        if closed then "late"
        else (
          sut.delivered <- sut.delivered + n;
          "delivered")
    | Close ->
        Stream.close sut.stream;
        ""
    | Move -> (
        match Stream.move sut.stream with
        | moved ->
            sut.stream <- Stream.accept moved;
            "moved"
        | exception Invalid_argument _ -> "refused")

  let run cmd sut =
    let result = perform cmd sut in
    let text =
      view result ~closed:sut.producer.closed ~sizes:sut.producer.sizes
        ~is_asked:(Producer.is_asked sut.producer)
        (List.rev_map show_promise sut.promises)
    in
    STM.(Res (string, text))

  let postcond cmd state res =
    let state, result = step cmd state in
    match res with
    | STM.Res ((STM.String, _), found) -> found = view_model state result
    | _ -> false
end

let of_source (is_exact, is_cancellable) =
  let module Spec = Spec (struct
    let is_exact = is_exact
    let is_cancellable = is_cancellable
  end) in
  let module Sequential = STM_sequential.Make (Spec) in
  let name =
    Printf.sprintf "Stream: waiters, %s, %s"
      (if is_exact then "elements on demand" else "elements in batches")
      (if is_cancellable then "pulls are cancelled" else "pulls are kept")
  in
  Sequential.agree_test ~count:(Model.count 4000) ~name

let tests =
  List.map of_source [ (false, false); (false, true); (true, false); (true, true) ]

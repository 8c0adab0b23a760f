type 'a t = {
  from : Executor.handle;
  (* On the domain [from]. *)
  origin : 'a Stream_core.t;
  (* Those that were buffered. *)
  mutable elements : 'a array;
  is_exact : bool;
  is_accepted : bool Atomic.t;
}

let move s =
  let is_exact = Stream_core.is_exact s and from = Executor.current () in
  let is_accepted = Atomic.make false in
  Stream_core.hand_over s (fun origin elements ->
      { from; origin; elements; is_exact; is_accepted })

let claim moved = Atomic.compare_and_set moved.is_accepted false true

let accepted_before () =
  invalid_arg
    (Printf.sprintf
       "Lwt_interop.Stream.accept: domain %d: this stream has been accepted before. A \
        stream that was moved is accepted once; the accepted one can be moved again"
       (Domain.self () :> int))

let close_origin moved =
  let job = function Executor.Run -> Stream_core.shut moved.origin | Cancel -> () in
  ignore (Executor.post moved.from job : bool)

(* Only the domain that has accepted the stream may close the original one. *)
let remote_source moved is_mine =
  let pull_origin = Stream_core.repeatable_pull moved.origin in
  let pull n =
    (* [Remote] calls the function once. Nothing interrupts it before it calls [get]. *)
    Remote.spawn moved.from (fun () ->
        Sys.opaque_identity (Uninterrupted.get (Executor.failure ()) pull_origin n))
  in
  Stream_core.Source
    ( (),
      {
        pull = (fun () n -> Stream_core.or_rejected pull n);
        convert = Fun.id;
        close = (fun () -> if !is_mine then close_origin moved);
        is_exact = moved.is_exact;
        (* An answer may be on its way. *)
        is_cancellable = false;
        is_repeatable = true;
        ends_with_domain = true;
      } )

let accept_elsewhere moved =
  let is_mine = ref false in
  let source = remote_source moved is_mine in
  let s = Stream_core.make_closing ~elements:moved.elements source in
  if claim moved then (
    is_mine := true;
    moved.elements <- [||];
    s)
  else (
    Stream_core.shut s;
    accepted_before ())

let accept_at_home moved =
  if Stream_core.take_back moved.origin moved.elements (fun () -> claim moved) then (
    moved.elements <- [||];
    moved.origin)
  else accepted_before ()

let accept moved =
  if (Executor.current ()).id = moved.from.id then accept_at_home moved
  else accept_elsewhere moved

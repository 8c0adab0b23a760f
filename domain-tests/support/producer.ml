module Core = Lwt_interop__.Stream_core

type 'a t = {
  mutable sizes : int list;
  mutable pending : 'a Core.batch Lwt.u option;
  mutable closed : int;
}

let pending what p = Expect.that what (Lwt.is_sleeping p)

let make ?(is_exact = false) ?(is_cancellable = false) () =
  let producer = { sizes = []; pending = None; closed = 0 } in
  let pull () n =
    Expect.that "one pull at a time" (producer.pending = None);
    producer.sizes <- n :: producer.sizes;
    let p, u = Lwt.task () in
    producer.pending <- Some u;
    Lwt.on_cancel p (fun () -> producer.pending <- None);
    p
  in
  let close () = producer.closed <- producer.closed + 1 in
  let kind =
    {
      Core.pull;
      convert = Fun.id;
      close;
      is_exact;
      is_cancellable;
      is_repeatable = false;
      ends_with_domain = false;
    }
  in
  (producer, Core.make (Source ((), kind)))

let is_asked producer = Option.is_some producer.pending
let pulls producer = List.length producer.sizes

let answer producer batch =
  match producer.pending with
  | None -> Expect.failf "the stream has not asked for elements"
  | Some u ->
      producer.pending <- None;
      Lwt.wakeup_later u batch

let deliver ?(ending = Core.More) producer elements =
  answer producer { elements = Array.of_list elements; ending }

let finish producer = deliver ~ending:Finished producer []
let fail producer e = deliver ~ending:(Failed e) producer []

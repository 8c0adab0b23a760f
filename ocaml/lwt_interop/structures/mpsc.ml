(* A linked list of items. Each item holds the link that its successor will be stored in. A producer
   first makes its own link the queue's last one, which decides the order, and then stores its item
   in the link before. In between the consumer sees [Nothing] there. *)
type 'a item = Nothing | Item of { value : 'a; rest : 'a link }
and 'a link = 'a item Atomic.t

type 'a t = {
  (* The link for the next item, or [closed]. All producers write to it, so it has a cache line of
     its own. *)
  last : 'a link Atomic.t;
  closed : 'a link;
}

type 'a reader = {
  queue : 'a t;
  mutable next : 'a link;
  (* Once the queue is closed: the link after its last item. *)
  mutable stop : 'a link;
}

let create () =
  let first = Atomic.make Nothing and closed = Atomic.make Nothing in
  let queue = { last = Atomic.make_contended first; closed } in
  (queue, { queue; next = first; stop = closed })

(* An exception between the two steps would leave a gap that no one fills. *)
let[@poll error] try_append queue link item rest =
  Atomic.compare_and_set queue.last link rest
  && begin
       Atomic.set link item;
       true
     end

let rec append queue item rest =
  let link = Atomic.get queue.last in
  link != queue.closed
  && (try_append queue link item rest
     || begin
          Domain.cpu_relax ();
          append queue item rest
        end)

let push queue value =
  let rest = Atomic.make Nothing in
  append queue (Item { value; rest }) rest

let is_closed queue = Atomic.get queue.last == queue.closed

let is_empty reader =
  match Atomic.get reader.next with Nothing -> true | Item _ -> false

(* A link that the collector has moved to the major heap would keep all later items alive, and in the
   next minor collection have them moved too. So the link lets go of its item. *)
let[@poll error] take reader =
  let item = Atomic.get reader.next in
  (match item with
  | Nothing -> ()
  | Item { rest; _ } ->
      Atomic.set reader.next Nothing;
      reader.next <- rest);
  item

let[@poll error] close reader =
  let queue = reader.queue in
  let link = Atomic.exchange queue.last queue.closed in
  if link != queue.closed then reader.stop <- link

let is_drained reader = reader.next == reader.stop

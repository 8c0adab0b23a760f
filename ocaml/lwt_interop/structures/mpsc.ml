(* Newest first. A producer only ever swaps in a longer list, so there is no ABA problem. *)
type 'a state = Closed | Empty | Item of { value : 'a; older : 'a state }
type 'a t = 'a state Atomic.t

(* All producers write to it, so it has a cache line of its own. *)
let create () = Atomic.make_contended Empty

let rec push queue value =
  match Atomic.get queue with
  | Closed -> false
  | (Empty | Item _) as older ->
      Atomic.compare_and_set queue older (Item { value; older })
      ||
      (Domain.cpu_relax ();
       push queue value)

let is_closed queue =
  match Atomic.get queue with Closed -> true | Empty | Item _ -> false

let is_empty queue =
  match Atomic.get queue with Empty | Closed -> true | Item _ -> false

let rec oldest_first newer = function
  | Closed | Empty -> newer
  | Item { value; older } -> oldest_first (value :: newer) older

(* Only the consumer closes the queue, so a queue that is open here is open at the exchange. *)
let take_all queue =
  match Atomic.get queue with
  | Closed | Empty -> []
  | Item _ -> oldest_first [] (Atomic.exchange queue Empty)

let close queue = oldest_first [] (Atomic.exchange queue Closed)

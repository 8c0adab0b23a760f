(* Newest first. A producer only ever swaps in a longer list, so there is no ABA problem. *)
type 'a state = Closed | Empty | Item of { value : 'a; older : 'a state }
type 'a t = 'a state Atomic.t

(* Every sender writes to it: it has its cache line to itself. *)
let create () = Atomic.make_contended Empty

let rec push q value =
  match Atomic.get q with
  | Closed -> false
  | (Empty | Item _) as older ->
      Atomic.compare_and_set q older (Item { value; older })
      ||
      (Domain.cpu_relax ();
       push q value)

let is_closed q = match Atomic.get q with Closed -> true | Empty | Item _ -> false
let is_empty q = match Atomic.get q with Empty | Closed -> true | Item _ -> false

let rec oldest_first later = function
  | Closed | Empty -> later
  | Item { value; older } -> oldest_first (value :: later) older

(* Only the consumer closes, so what is not closed stays so. *)
let take_all q =
  match Atomic.get q with
  | Closed | Empty -> []
  | Item _ -> oldest_first [] (Atomic.exchange q Empty)

let close q = oldest_first [] (Atomic.exchange q Closed)

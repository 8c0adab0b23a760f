(* Newest first. A producer only ever swaps in a longer list, so there is no ABA problem. *)
type 'a state = Open of 'a list | Closed
type 'a t = 'a state Atomic.t

let create () = Atomic.make (Open [])

let rec push q x =
  match Atomic.get q with
  | Closed -> false
  | Open l as seen ->
      Atomic.compare_and_set q seen (Open (x :: l))
      ||
      (Domain.cpu_relax ();
       push q x)

let is_closed q = match Atomic.get q with Closed -> true | Open _ -> false
let is_empty q = match Atomic.get q with Open [] | Closed -> true | Open _ -> false

let rec take_all q =
  match Atomic.get q with
  | Open [] | Closed -> []
  | Open l as seen ->
      if Atomic.compare_and_set q seen (Open []) then List.rev l else take_all q

let close q = match Atomic.exchange q Closed with Open l -> List.rev l | Closed -> []

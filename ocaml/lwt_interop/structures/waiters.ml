type 'a node =
  | Nil
  | Node of { value : 'a; mutable previous : 'a node; mutable next : 'a node }

type 'a t = { mutable first : 'a node; mutable last : 'a node }

let create () = { first = Nil; last = Nil }
let node value = Node { value; previous = Nil; next = Nil }
let nil = Nil
let first queue = queue.first

let[@poll error] add queue node =
  match node with
  | Nil -> ()
  | Node n ->
      (match queue.last with
      | Nil -> queue.first <- node
      | Node last ->
          last.next <- node;
          n.previous <- queue.last);
      queue.last <- node

let[@poll error] remove queue node =
  match node with
  | Nil -> ()
  | Node n ->
      (match n.previous with
      | Nil -> queue.first <- n.next
      | Node previous -> previous.next <- n.next);
      (match n.next with
      | Nil -> queue.last <- n.previous
      | Node next -> next.previous <- n.previous);
      n.previous <- Nil;
      n.next <- Nil

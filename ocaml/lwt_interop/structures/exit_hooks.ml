(* A ring of hooks. The set itself is a member of its ring, and not a hook. *)
type hook = { mutable run : exn -> unit; mutable previous : hook; mutable next : hook }
type t = hook

(* Both neighbours of a hook in no set. *)
let rec nil = { run = ignore; previous = nil; next = nil }
let hook () = { run = ignore; previous = nil; next = nil }

let create () =
  let hooks = hook () in
  hooks.previous <- hooks;
  hooks.next <- hooks;
  hooks

let[@poll error] link hooks hook =
  hook.previous <- hooks.previous;
  hook.next <- hooks;
  hooks.previous.next <- hook;
  hooks.previous <- hook

let add hooks hook run =
  hook.run <- run;
  link hooks hook

let[@poll error] remove hook =
  if hook.previous != nil then (
    hook.previous.next <- hook.next;
    hook.next.previous <- hook.previous;
    hook.previous <- nil;
    hook.next <- nil)

let rec drain f hooks =
  let first = hooks.next in
  if first != hooks then (
    f first.run;
    remove first;
    drain f hooks)

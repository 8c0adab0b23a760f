module Handle = Lwt_interop.Handle

let places = Array.init 8 (fun _ -> Atomic.make None)
let next = Atomic.make 0
let main = ref None

let domain_0 () =
  match !main with
  | Some handle -> handle
  | None ->
      let handle = Handle.current () in
      main := Some handle;
      handle

let add handle =
  let i = Atomic.fetch_and_add next 1 mod Array.length places in
  Atomic.set places.(i) (Some handle)

let terminating choice = Atomic.get places.(Choice.int choice (Array.length places))

let any choice =
  match terminating choice with
  | Some handle when not (Choice.chance choice 8) -> handle
  | _ -> domain_0 ()

let clear () = Array.iter (fun place -> Atomic.set place None) places

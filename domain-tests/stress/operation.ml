module Handle = Lwt_interop.Handle

type participant = {
  path : int list;
  id : int;
  handle : Handle.t;
  mutable cut_short : bool;
  mutable held : int;
  clean_up : (int, unit -> unit) Hashtbl.t;
  in_progress : (int, Ledger.entry * string) Hashtbl.t;
}

let participant ~path handle =
  {
    path;
    id = Handle.id handle;
    handle;
    cut_short = false;
    held = 0;
    clean_up = Hashtbl.create 8;
    in_progress = Hashtbl.create 8;
  }

type t = {
  kind : Ledger.kind;
  held : bool;
  run : participant -> Choice.t -> string Lwt.t;
}

let make ?(held = false) name run = { kind = Ledger.kind name; held; run }

let describe self ~number ~name =
  let path = List.map string_of_int (self.path @ [ number ]) in
  Printf.sprintf "%s, operation %s in domain %d" name (String.concat "." path) self.id

let perform self ~number operation =
  let name = Ledger.name operation.kind in
  let entry = Ledger.enter ~domain:self.id operation.kind in
  Hashtbl.replace self.in_progress number (entry, name);
  if operation.held then self.held <- self.held + 1;
  let finished outcome =
    if operation.held then self.held <- self.held - 1;
    Hashtbl.remove self.in_progress number;
    Ledger.leave entry ~outcome;
    Lwt.return_unit
  in
  Lwt.try_bind
    (fun () -> operation.run self (Choice.make (self.path @ [ number ])))
    finished
    (function
      | Lwt_interop.Domain_terminated id when self.cut_short && id = self.id ->
          finished Ledger.cut_short
      | e ->
          Ledger.fail
            (Printf.sprintf "%s: %s" (describe self ~number ~name) (Printexc.to_string e));
          finished "FAILED")

let finish self =
  Hashtbl.iter
    (fun number (entry, name) ->
      if not self.cut_short then
        Ledger.fail (Printf.sprintf "%s, did not finish" (describe self ~number ~name));
      Ledger.leave entry ~outcome:Ledger.cut_short)
    self.in_progress

let next = Atomic.make 0

let cleaning_up self f =
  let number = Atomic.fetch_and_add next 1 in
  let call () =
    if Hashtbl.mem self.clean_up number then (
      Hashtbl.remove self.clean_up number;
      f ())
  in
  Hashtbl.replace self.clean_up number f;
  call

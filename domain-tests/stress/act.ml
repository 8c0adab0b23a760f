module Handle = Lwt_interop.Handle

type place = {
  path : int list;
  id : int;
  handle : Handle.t;
  mutable cut : bool;
  mutable held : int;
  clean_up : (int, unit -> unit) Hashtbl.t;
  open_ : (int, Ledger.entry * string) Hashtbl.t;
}

let place ~path handle =
  {
    path;
    id = Handle.id handle;
    handle;
    cut = false;
    held = 0;
    clean_up = Hashtbl.create 8;
    open_ = Hashtbl.create 8;
  }

type t = { kind : Ledger.kind; held : bool; run : place -> Choice.t -> string Lwt.t }

let make ?(held = false) name run = { kind = Ledger.kind name; held; run }

let where place number =
  String.concat "." (List.map string_of_int (place.path @ [ number ]))

let perform place ~number act =
  let entry = Ledger.enter ~domain:place.id act.kind in
  Hashtbl.replace place.open_ number (entry, Ledger.name act.kind);
  if act.held then place.held <- place.held + 1;
  let done_ outcome =
    if act.held then place.held <- place.held - 1;
    Hashtbl.remove place.open_ number;
    Ledger.leave entry ~outcome;
    Lwt.return_unit
  in
  Lwt.try_bind
    (fun () -> act.run place (Choice.make (place.path @ [ number ])))
    done_
    (function
      | Lwt_interop.Domain_terminated id when place.cut && id = place.id ->
          done_ "cut short"
      | e ->
          Ledger.fail
            (Printf.sprintf "%s, act %s in domain %d: %s" (Ledger.name act.kind)
               (where place number) place.id (Printexc.to_string e));
          done_ "FAILED")

let finish place =
  Hashtbl.iter
    (fun number (entry, name) ->
      if not place.cut then
        Ledger.fail
          (Printf.sprintf "%s, act %s in domain %d, never came to its end" name
             (where place number) place.id);
      Ledger.cut entry)
    place.open_

let next = Atomic.make 0

let later place f =
  let number = Atomic.fetch_and_add next 1 in
  let call () =
    if Hashtbl.mem place.clean_up number then (
      Hashtbl.remove place.clean_up number;
      f ())
  in
  Hashtbl.replace place.clean_up number f;
  call

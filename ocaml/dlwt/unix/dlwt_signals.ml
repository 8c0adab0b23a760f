external set : int -> Dlwt_mailbox.id -> bool -> unit = "dlwt_signals_set"
external remove : int -> Dlwt_mailbox.id -> unit = "dlwt_signals_remove"
external remove_all : Dlwt_mailbox.id -> unit = "dlwt_signals_remove_all"
external handle : int -> unit = "dlwt_signals_handle"

let () = Dlwt_mailbox.before_close remove_all

let set signum id ~forwarded =
  (* Raises if the mailbox is closed. *)
  ignore (Dlwt_mailbox.address () : Dlwt_mailbox.id);
  set signum id forwarded

let remove signum = remove signum (Dlwt_mailbox.address ())

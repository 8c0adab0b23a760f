external set : int -> Dlwt_mailbox.id -> bool -> unit = "dlwt_signals_set"
external remove : int -> Dlwt_mailbox.id -> unit = "dlwt_signals_remove"
external handle : int -> unit = "dlwt_signals_handle"

let set signum id ~forwarded =
  (* refuses if the mailbox is closed *)
  ignore (Dlwt_mailbox.address ());
  set signum id forwarded

let remove signum = remove signum (Dlwt_mailbox.address ())

(** What a call costs, beside a native Lwt operation measured in the same run. *)

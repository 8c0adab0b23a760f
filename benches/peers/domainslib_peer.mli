(** Domainslib's channels: see [--help]. *)

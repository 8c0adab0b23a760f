(** Counters that go up and down with what they count. *)

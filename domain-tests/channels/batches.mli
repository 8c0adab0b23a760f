(** [send_all] and [recv_many]. *)

module Make (_ : Representation.S) : sig
  val suites : (string * unit Alcotest.test_case list) list
end

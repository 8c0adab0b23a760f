(* Declarations that compile and link, and that crash or return garbage if they are called. The compiler's file is
   checked; nothing links it. *)

module Arguments = struct
  module Int_for_string = struct
    external welcome : int -> int -> string Lwt.t = "wrong_welcome"
  end

  module Argument_missing = struct
    external welcome : string -> string Lwt.t = "wrong_welcome"
  end

  module Float_for_int = struct
    external welcome : string -> float -> string Lwt.t = "wrong_welcome"
  end

  module List_for_array = struct
    (* With elements and without any. *)
    external total : int list -> int = "wrong_total"
  end

  module Strings_for_ints = struct
    external total : string array -> int = "wrong_total"
  end

  module Floats_for_ints = struct
    external total : float array -> int = "wrong_total"
  end

  module Int_for_float = struct
    external halve : int -> float = "wrong_halve"
  end

  module Unboxed_float = struct
    external halve : (float[@unboxed]) -> (float[@unboxed]) = "wrong_halve" "wrong_halve"
  end

  module String_for_option = struct
    (* A text and an empty one. *)
    external nickname : string -> string = "wrong_nickname"
  end

  module Bytes_for_string = struct
    external text_length : bytes -> int = "wrong_text_length"
  end

  module Int_for_bytes = struct
    external byte_length : int -> int = "wrong_byte_length"
  end

  module One_argument_more = struct
    external pause : unit -> unit -> unit Lwt.t = "wrong_pause"
  end
end

module Results = struct
  module Int_for_string = struct
    external welcome : string -> int -> int Lwt.t = "wrong_welcome"
  end

  module Promise_forgotten = struct
    external welcome : string -> int -> string = "wrong_welcome"
  end

  module Promise_too_much = struct
    external halve : float -> float Lwt.t = "wrong_halve"
  end

  module Int_for_float = struct
    external halve : float -> int = "wrong_halve"
  end

  module Result_forgotten = struct
    (* For Ok and for Error. *)
    external attempt : bool -> int Lwt.t = "wrong_attempt"
  end

  module Raise_as_result = struct
    external attempt : bool -> (int, string) result Lwt.t = "wrong_attempt_or_raise"
  end

  module String_for_unit = struct
    external pause : unit -> string Lwt.t = "wrong_pause"
  end
end

module Definitions = struct
  type swapped = { age : int; name : string }

  module Fields_swapped = struct
    external birthday : swapped -> swapped = "wrong_birthday"
  end

  type short = { name : string }

  module Field_missing = struct
    external birthday : short -> short = "wrong_birthday"
  end

  type long = { name : string; age : int; more : string }

  module Field_too_many = struct
    external birthday : long -> long = "wrong_birthday"
  end

  type more = Clear | Named of string | Dark | Darker

  module Constructor_too_many = struct
    external describe : more -> string = "wrong_describe"
  end

  type others = Label of string | Grey of int | Level of int

  module Other_constructors = struct
    external describe : others -> string = "wrong_describe"
  end
end

module Opaque_values = struct
  type t

  external engine : unit -> t = "wrong_engine"
  external fly : t -> int = "wrong_fly"
  external of_int : int -> int = "wrong_start"
  external of_string : string -> int = "wrong_start"
  external of_function : (int -> int) -> int = "wrong_start"
end

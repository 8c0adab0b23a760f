(** Finds the externals of a file, and the full names of what the file defines. *)

type t = {
  externals : (Typedtree.value_description * Primitive.description) list;
      (** In the order of the file, without the compiler's own primitives such as
          [%identity]. *)
  name : Ident.t -> string option;
      (** The path from the compilation unit to a type or module of this file, which is
          the same for all files that refer to it: [Main.M.t]. [None] if the identifier is
          the parameter of a functor, or belongs to an expression. *)
}

val scan : unit_name:string -> Artifact.source -> t

(** Finds the externals of a file, and the full names of what the file defines. *)

type definition = {
  full_name : string;
  environment : Env.t;  (** In which it was understood. *)
  declaration : Typedtree.type_declaration;
}

type t = {
  externals : (Typedtree.value_description * Primitive.description) list;
      (** In the order of the file, without the compiler's own primitives such as
          [%identity]. *)
  definitions : definition list;  (** Of the types that the file's modules define. *)
  name : Ident.t -> string option;
      (** The path from the compilation unit to a type or module of this file, which is
          the same for all files that refer to it: [Main.M.t]. [None] if the identifier is
          the parameter of a functor, or belongs to an expression. *)
}

val scan : unit_name:string -> Artifact.source -> t

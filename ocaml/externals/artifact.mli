(** The typed source of one file, as the compiler has recorded it. *)

type t
type source = Structure of Typedtree.structure | Signature of Typedtree.signature

val read : string -> (t, string) result
(** [read file] is an error that says what is wrong with the file. *)

val unit_name : t -> string
(** The name of the compilation unit, such as [Dune__exe__Main]. *)

val source : t -> source option
(** [None] if the file was not compiled to its end, or stands for several. *)

val prepare : folders:string list -> t -> unit
(** Makes the modules that the file refers to available to {!environment}, and forgets
    those of any other file. The modules are where they were when the file was compiled,
    beside it, or in the [folders]: those of an installed library have moved. *)

val environment : Env.t -> (Env.t, string) result
(** [environment env] is the environment whose summary is [env], or which module is
    missing. *)

val message : exn -> string
(** The compiler's text of an error, in one line. *)

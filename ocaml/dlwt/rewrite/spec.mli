(** The specification: what is per-domain in each file of Lwt, what is reviewed as shared
    by all domains, and which code is replaced.

    A specification is a text of words, of code between [«] and [»], and of comments from
    [#] to the end of the line. A list of words ends with its line; a backslash before the
    end of the line continues it. Sections:

    - [file F]: what follows is about the file [F], such as [lwt.ml] or [lwt.mli];
    - [version V]: ... and only for Lwt versions that begin with [V] ([5.9], [6]);
      [version any] ends that.

    Values of a module:
    - [local X...]: each domain has its own, made at first use;
    - [eager X...]: the same, made by [Domain.spawn], so reading it is cheaper: for values
      that cost nothing to make and do not depend on the domain;
    - [inherited X...]: a [ref] with a setting; a new domain starts with a copy of its
      parent's;
    - [created X «code»]: run [code] when a domain's [X] is made; it is named [v] there;
    - [shared X...]: reviewed; one for all domains is right;
    - [export X...]: the module's public [X] is the initial domain's.

    The one record that holds the state of a module, which each function reads once:
    - [record «expression»]: how to get the calling domain's;
    - [cell X FIELD]: the reference [X] becomes a mutable field;
    - [slot X FIELD]: the value [X] becomes a field;
    - [guarded FIELD...]: written through [set_FIELD record value];
    - [given F...]: the functions [F] do not read it but have it as a first argument,
      which whoever calls them passes.

    Code:
    - [replace X «code»], [remove X...], [before X «code»], [after X «code»],
      [append «code»], where [X] is what a structure item binds: a value or exception by
      its name, or [type:t], [module:M], or [()] for a [let] that binds nothing;
    - [within X «text» «other»]: a text that occurs once in the items that bind [X];
    - [primitive P Q]: the external [P] becomes [Q];
    - [deref X «code»]: in place of [!X], where [X] may be qualified;
    - [field F VIA]: [e.F] becomes [(VIA e).F];
    - [rebind P VIA F...]: the functions [F], which have a parameter [P], start with
      [let P = VIA P in];
    - [qualified M.X...]: [M.X] is a key that another module or a functor's argument made.

    In signatures:
    - [keyed X...]: the value's type is that of a key;
    - [declare X «code»]: in place of the declaration of [X];
    - [hide X...]: no declaration. *)

type 'a rule
(** Something said about a name. It must apply somewhere, or {!report_unused} complains.
*)

val place : 'a rule -> Problem.place

type kind = Local | Eager | Inherited | Shared

type code = { text : string; source : Problem.place }
(** Code to insert, and where the specification has it. *)

type t = {
  values : kind rule list;
  created : code rule list;
  export : unit rule list;
  record : code option;
  cells : string rule list;
  slots : string rule list;
  guarded : unit rule list;
  given : unit rule list;
  replace : code rule list;
  remove : unit rule list;
  before : code rule list;
  after : code rule list;
  append : code list;
  within : (string * string) rule list;
  primitives : string rule list;
  derefs : code rule list;
  fields : string rule list;
  rebind : (string * string) rule list;
  qualified : unit rule list;
  keyed : unit rule list;
  declare : code rule list;
  hide : unit rule list;
}

val load : directory:string -> version:string -> file:string -> t
(** What the [.spec] files of a directory say about one source file. *)

val known_versions : directory:string -> Problem.place * string list
(** The versions that the file [versions] of the directory lists. *)

val version_matches : string -> string -> bool
(** [version_matches prefix version]: [5.9] matches [5.9.1] but not [5.90]. *)

val name : 'a rule -> string
val payload : 'a rule -> 'a

val find : 'a rule list -> string -> 'a option
(** The payload of the first rule about that name; marks it as used. *)

val find_all : 'a rule list -> string -> 'a list

val mem : 'a rule list -> string -> bool
(** Like {!find}; does not mark. *)

val use : 'a rule -> unit
(** Marks it as used. *)

val report_unused : file:string -> t -> unit
(** A {!Problem} for each rule that applied nowhere. *)

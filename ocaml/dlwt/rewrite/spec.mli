(** The specification: which values of each file of Lwt are per-domain, which were
    reviewed and are shared by all domains, and which code is replaced. For example:

    {v
      file lwt_main.ml
      local enter_iter_hooks
      shared Exit_hooks
      within run «Mutex.lock m;» «Dlwt_rt.start (); Mutex.lock m;»
    v}

    A specification consists of words, of code between [«] and [»], and of comments from
    [#] to the end of the line. A list of words ends with its line; a backslash before the
    end of the line continues it. Sections:

    - [file F]: what follows applies to the file [F], such as [lwt.ml] or [lwt.mli];
    - [version V]: ... and only to Lwt versions that begin with [V] ([5.9], [6]);
      [version any] ends the restriction.

    Values of a module:
    - [local X...]: each domain has its own, made at its first use;
    - [eager X...]: the same, made by [Domain.spawn], which makes reading cheaper: for
      values that are cheap to make and do not depend on the domain;
    - [inherited X...]: a [ref] with a setting; a new domain starts with a copy of its
      parent's;
    - [created X «code»]: [code] runs when a domain's [X] is made, with [v] denoting it;
    - [shared X...]: reviewed: all domains can share one;
    - [export X...]: the module's public [X] is the initial domain's.

    The one record that holds the state of a module, which each function reads once:
    - [record «expression»]: the calling domain's record;
    - [cell X FIELD]: the reference [X] becomes a mutable field;
    - [slot X FIELD]: the value [X] becomes a field;
    - [guarded FIELD...]: written through [set_FIELD record value];
    - [given F...]: the functions [F] do not read the record but take it as their first
      argument, which their callers pass.

    Code:
    - [replace X «code»], [remove X...], [before X «code»], [after X «code»],
      [append «code»], where [X] is what a structure item binds: a value or exception by
      its name, or [type:t], [module:M], or [()] for a [let] that binds nothing;
    - [within X «text» «other»]: [other] replaces [text], which must occur once in the
      items that bind [X];
    - [primitive P Q]: the external [P] becomes [Q];
    - [deref X «code»]: [code] replaces [!X], where [X] may be qualified;
    - [field F VIA]: [e.F] becomes [(VIA e).F];
    - [rebind P VIA F...]: the functions [F], which have a parameter [P], begin with
      [let P = VIA P in];
    - [qualified M.X...]: [M.X] is a key of another module or of a functor's argument.

    In signatures:
    - [keyed X...]: the type of [X] is that of a key;
    - [declare X «code»]: [code] replaces the declaration of [X];
    - [hide X...]: removes the declaration of [X]. *)

type 'a rule
(** A rule about a name. {!report_unused} reports a rule that applies nowhere. *)

val place : 'a rule -> Problem.place
(** Returns where the specification has the rule. *)

type kind = Local | Eager | Inherited | Shared

type code = { text : string; source : Problem.place }
(** Code to insert, and its place in the specification. *)

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
(** [load ~directory ~version ~file] is the specification of [file] in the [.spec] files
    of [directory]. *)

val known_versions : directory:string -> Problem.place * string list
(** [known_versions ~directory] are the versions that the file [versions] of [directory]
    lists. *)

val version_matches : string -> string -> bool
(** [version_matches prefix version] is [true] if [version] begins with [prefix]: [5.9]
    matches [5.9.1] but not [5.90]. *)

val name : 'a rule -> string
(** Returns the name that the rule is about. *)

val payload : 'a rule -> 'a
(** Returns what the rule says about its name. *)

val find : 'a rule list -> string -> 'a option
(** [find rules name] is the payload of the first rule about [name]. Marks the rules about
    [name] as used. *)

val find_all : 'a rule list -> string -> 'a list
(** [find_all rules name] is the payloads of all rules about [name]. Marks them as used.
*)

val mem : 'a rule list -> string -> bool
(** [mem rules name] is [true] if there is a rule about [name]. Marks nothing. *)

val use : 'a rule -> unit
(** Marks the rule as used. *)

val report_unused : file:string -> t -> unit
(** Reports a {!Problem} for each rule that is not marked as used. *)

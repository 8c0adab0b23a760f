(** The library [logs.lwt]: log functions whose promise resolves when the reporter has
    written the message. The interface is that of the installed [logs.lwt], whose
    documentation describes it. *)

type 'a log = ('a, unit Lwt.t) Logs.msgf -> unit Lwt.t

val msg : ?src:Logs.src -> Logs.level -> 'a log
val app : ?src:Logs.src -> 'a log
val err : ?src:Logs.src -> 'a log
val warn : ?src:Logs.src -> 'a log
val info : ?src:Logs.src -> 'a log
val debug : ?src:Logs.src -> 'a log

val kmsg :
  (unit -> 'b Lwt.t) ->
  ?src:Logs.src ->
  Logs.level ->
  ('a, 'b Lwt.t) Logs.msgf ->
  'b Lwt.t
(** [kmsg k level message] resolves as [k ()] does, which is called when the message is
    written, or at once if no message of that level is reported. *)

val on_error :
  ?src:Logs.src ->
  ?level:Logs.level ->
  ?header:string ->
  ?tags:Logs.Tag.set ->
  pp:(Format.formatter -> 'b -> unit) ->
  use:('b -> 'a Lwt.t) ->
  ('a, 'b) result Lwt.t ->
  'a Lwt.t

val on_error_msg :
  ?src:Logs.src ->
  ?level:Logs.level ->
  ?header:string ->
  ?tags:Logs.Tag.set ->
  use:(unit -> 'a Lwt.t) ->
  ('a, [ `Msg of string ]) result Lwt.t ->
  'a Lwt.t

module type LOG = sig
  val msg : Logs.level -> 'a log
  val app : 'a log
  val err : 'a log
  val warn : 'a log
  val info : 'a log
  val debug : 'a log

  val kmsg :
    ?over:(unit -> unit) ->
    (unit -> 'b Lwt.t) ->
    Logs.level ->
    ('a, 'b Lwt.t) Logs.msgf ->
    'b Lwt.t

  val on_error :
    ?level:Logs.level ->
    ?header:string ->
    ?tags:Logs.Tag.set ->
    pp:(Format.formatter -> 'b -> unit) ->
    use:('b -> 'a Lwt.t) ->
    ('a, 'b) result Lwt.t ->
    'a Lwt.t

  val on_error_msg :
    ?level:Logs.level ->
    ?header:string ->
    ?tags:Logs.Tag.set ->
    use:(unit -> 'a Lwt.t) ->
    ('a, [ `Msg of string ]) result Lwt.t ->
    'a Lwt.t
end

val src_log : Logs.src -> (module LOG)

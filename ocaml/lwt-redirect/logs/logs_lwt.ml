type 'a log = ('a, unit Lwt.t) Logs.msgf -> unit Lwt.t

let is_reported src level =
  match Logs.Src.level src with
  | None -> false
  | Some threshold ->
      (* Levels are declared in the order of their weight, the heaviest first. *)
      level <= threshold

(* Errors and warnings are counted whether they are reported or not. *)
let count = function
  | Logs.Error -> Logs.incr_err_count ()
  | Logs.Warning -> Logs.incr_warn_count ()
  | Logs.App | Logs.Info | Logs.Debug -> ()

let kmsg_over ~over k src level message =
  count level;
  if not (is_reported src level) then k ()
  else
    let written, resolver = Lwt.wait () in
    let over () =
      over ();
      Lwt.wakeup resolver ()
    in
    Logs.report src level ~over (fun () -> Lwt.bind written k) message

let kmsg k ?(src = Logs.default) level message =
  kmsg_over ~over:ignore k src level message

let msg ?src level message = kmsg Lwt.return ?src level message
let app ?src message = msg ?src Logs.App message
let err ?src message = msg ?src Logs.Error message
let warn ?src message = msg ?src Logs.Warning message
let info ?src message = msg ?src Logs.Info message
let debug ?src message = msg ?src Logs.Debug message

let on_error ?src ?(level = Logs.Error) ?header ?tags ~pp ~use result =
  Lwt.bind result (function
    | Ok value -> Lwt.return value
    | Error error ->
        kmsg (fun () -> use error) ?src level (fun m -> m ?header ?tags "@[%a@]" pp error))

let on_error_msg ?src ?level ?header ?tags ~use result =
  let pp formatter (`Msg text) = Format.pp_print_text formatter text in
  let use (`Msg _) = use () in
  on_error ?src ?level ?header ?tags ~pp ~use result

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

let src_log src =
  (module struct
    let msg level message = msg ~src level message
    let app message = msg Logs.App message
    let err message = msg Logs.Error message
    let warn message = msg Logs.Warning message
    let info message = msg Logs.Info message
    let debug message = msg Logs.Debug message
    let kmsg ?(over = ignore) k level message = kmsg_over ~over k src level message

    let on_error ?level ?header ?tags ~pp ~use result =
      on_error ~src ?level ?header ?tags ~pp ~use result

    let on_error_msg ?level ?header ?tags ~use result =
      on_error_msg ~src ?level ?header ?tags ~use result
  end : LOG)

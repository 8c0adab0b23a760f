let domain () = (Domain.self () :> int)
let elsewhere f = Domain.join (Domain.spawn f)

let check what ok =
  if not ok then failwith (Printf.sprintf "%s (in domain %d)" what (domain ()))

let check_string what ~expected found =
  check (Printf.sprintf "%s: %S instead of %S" what found expected) (found = expected)

let on_domains n f =
  let body () = Lwt_main.run (f ()) in
  let others = List.init (n - 1) (fun _ -> Domain.spawn body) in
  let mine = try Ok (body ()) with exn -> Error exn in
  let theirs =
    List.map (fun d -> try Ok (Domain.join d) with exn -> Error exn) others
  in
  List.iter (function Ok () -> () | Error exn -> raise exn) (mine :: theirs)

let contains text ~part =
  let n = String.length part in
  let rec go i =
    i + n <= String.length text && (String.sub text i n = part || go (i + 1))
  in
  go 0

let descriptors () = Array.length (Sys.readdir "/proc/self/fd")

let resident () =
  In_channel.with_open_text "/proc/self/status" In_channel.input_all
  |> String.split_on_char '\n'
  |> List.find_map (fun line -> Scanf.sscanf_opt line "VmRSS: %d" Fun.id)
  |> Option.get

let sanitizer = Sys.getenv_opt "UNDER_SANITIZER"
let under_sanitizer = sanitizer <> None

external allocated : unit -> int = "dlwt_test_allocated"

let busy_threads () = Lwt_unix.thread_count () - Lwt_unix.thread_waiting_count ()

let children () =
  let child pid =
    let line file = In_channel.with_open_bin file In_channel.input_all in
    match line (Printf.sprintf "/proc/%d/stat" pid) with
    | exception Sys_error _ -> None
    | stat ->
        let after_name = String.rindex stat ')' + 2 in
        Scanf.sscanf
          (String.sub stat after_name (String.length stat - after_name))
          "%c %d"
          (fun state parent ->
            if parent = Unix.getpid () then Some (pid, state) else None)
  in
  Sys.readdir "/proc" |> Array.to_list
  |> List.filter_map int_of_string_opt
  |> List.filter_map child

let refused ~what ?owner f =
  match f () with
  | exception Invalid_argument text ->
      let names d = contains text ~part:(Printf.sprintf "domain %d" d) in
      check
        (Printf.sprintf "%s: the error names this domain: %s" what text)
        (names (domain ()));
      Option.iter
        (fun owner ->
          check
            (Printf.sprintf "%s: the error names domain %d: %s" what owner text)
            (names owner))
        owner
  | exception exn -> check (what ^ ": " ^ Printexc.to_string exn) false
  | _ -> check (what ^ ": was not refused") false

let patience = if under_sanitizer then 100. else 10.

let eventually condition =
  let until = Unix.gettimeofday () +. patience in
  while not (condition ()) do
    check
      (Printf.sprintf "nothing happened for %g seconds" patience)
      (Unix.gettimeofday () < until);
    Unix.sleepf 0.001
  done

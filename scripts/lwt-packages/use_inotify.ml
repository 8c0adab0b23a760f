(* Watches a folder. *)

open Lwt.Syntax

let use () =
  let folder = Domains.temporary ".d" in
  Sys.mkdir folder 0o700;
  let* watcher = Lwt_inotify.create () in
  let* _watch = Lwt_inotify.add_watch watcher folder [ Inotify.S_Create ] in
  let event = Lwt_inotify.read watcher in
  let* () = Lwt.pause () in
  let file = Filename.concat folder "new" in
  Out_channel.with_open_bin file ignore;
  let* _watch, kinds, _cookie, name = event in
  assert (kinds = [ Inotify.Create ] && name = Some "new");
  Sys.remove file;
  Sys.rmdir folder;
  Lwt_inotify.close watcher

let () = Domains.run use

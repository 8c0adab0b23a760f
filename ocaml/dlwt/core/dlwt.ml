let is_owner = Lwt.Dlwt_private.is_owner
let check_owner = Lwt.Dlwt_private.check_owner
let[@inline] keyed_task ~on_cancel key = Lwt.Dlwt_private.keyed_task ~on_cancel key

type 'a watcher = 'a Lwt.Dlwt_private.watcher

let watcher = Lwt.Dlwt_private.watcher
let watch = Lwt.Dlwt_private.watch
let unwatch = Lwt.Dlwt_private.unwatch
let set_async_exception_hook = Lwt.Dlwt_private.set_own_exception_hook
let async_exception_hook = Lwt.Dlwt_private.own_exception_hook

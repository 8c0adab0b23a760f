open Lwt.Syntax
open Lwt_interop

type t = {
  tokio : Pool.tokio;
  address : string;
  join : (Rust.session -> Rust.request -> Rust.outcome Lwt.t) -> unit;
  leave : Handle.t -> unit Lwt.t;
  stop : grace:float -> unit Lwt.t;
}

let shared server =
  let open Rust.Server in
  {
    tokio = `Shared;
    address = address server;
    join = join server;
    leave = leave server;
    stop = stop server;
  }

let own server =
  let open Rust.Sharded in
  {
    tokio = `Own;
    address = address server;
    join = join server;
    leave = leave server;
    stop = stop server;
  }

let listen (tokio : Pool.tokio) ~domains address limits =
  match tokio with
  | `Shared ->
      let+ server = Rust.Server.listen address limits in
      Result.map shared server
  | `Own ->
      let+ server = Rust.Sharded.listen address ~listeners:domains limits in
      Result.map own server

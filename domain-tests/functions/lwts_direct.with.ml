let all : (module Style.S) list =
  [
    (module struct
      let name = "Lwt_direct"
      let spawn = Lwt_direct.spawn
      let await = Lwt_direct.await
    end);
  ]

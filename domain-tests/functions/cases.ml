let all ~scale =
  List.concat
    [
      Calls.cases ~scale;
      On_tokio.cases ~scale;
      Promises.cases ~scale;
      Callbacks.cases ~scale;
      Cancelling.cases ~scale;
      Panics.cases ~scale;
      Direct.cases ~scale;
      Opaques.cases ~scale;
      Rust_streams.cases ~scale;
      Call_queues.cases ~scale;
      Remote_functions.cases ~scale;
      Workers.cases ~scale;
    ]

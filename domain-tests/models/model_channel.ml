let () = Model.run (Channel_calls.tests @ Channel_waiters.tests @ Channel_stress.tests)

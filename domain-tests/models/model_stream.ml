let () = Model.run (Stream_waiters.tests @ Stream_stress.tests)

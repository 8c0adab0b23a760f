let () = Model.run (Handle_calls.tests @ Handle_stress.tests)

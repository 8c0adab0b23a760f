let () = Model.run Pool_stress.tests

"""HTTP: what other machines ask of the scheduler."""

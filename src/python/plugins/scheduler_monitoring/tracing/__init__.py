"""A trace of each run: its id is the run's, so it can be told before, during and after the run."""

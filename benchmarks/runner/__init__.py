"""The parent process: lays out a run, starts one worker process per trial, and writes the records.

`run` executes a benchmark; `certify`, `search`, `resume`, `reproduce`, `transfer` and `estimate` are variants or parts
of it. `processes`, `cores` and `executors` decide where workers run.
"""

"""The worker process, in which a framework runs: trials, certification, probes and transfers.

The runner starts `python -m benchmarks.worker` with a job as JSON (see jobs) and reads the answer as JSON. Nothing in
this package imports the runner.
"""

"""Benchmarks: definitions (the TOML files), the commands, the runner and the worker that trains and times a model.

Imports point one way: `definition`, `worker`, `runner`, `commands`; each may import those before it. `errors` has the
error for mistakes of the user. This package may import `backends`, `datasets` and `reports`.
"""

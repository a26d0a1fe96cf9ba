"""The benchmark `differences`: known differences between the frameworks, one controlled experiment for each.

`rows/*.toml` describes the differences; `pytorch`, `keras` and `flax` check each claim about a framework against the
installed package; `trainer` trains one model with and without a difference; `run` collects everything in a record, and
`command` is its command line.
"""

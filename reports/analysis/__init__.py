"""Numbers computed from records: metrics, intervals, speedups, rankings, and comparisons between runs.

Each metric has one entry in `metrics`, and every ratio of times between backends is computed in `speedup`. Modules
here return numbers and short reasons; `reports.sections` and `reports.pages` write the sentences.
"""

"""From a TOML file to a validated `Benchmark`, laid out as trials.

`loading` reads and validates a definition, `axes` expands its lists and variants to cases, `search_space` describes
the configurations of a search, `settings` and `model_settings` have the settings of each table.
"""

"""The page model and its output: `page` and `table` define it; `html`, `markdown` and `terminal` write it.

`formats` has the text of numbers and names. Nothing here knows what a run is.
"""

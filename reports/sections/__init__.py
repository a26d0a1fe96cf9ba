"""The sections of a run's page: a file for each heading, which gives a `Section` for a `Context`.

Sections turn numbers of `reports.analysis` into tables and sentences. `columns` has what several tables share.
"""

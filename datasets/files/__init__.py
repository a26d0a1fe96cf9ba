"""Files of the user: CSV or Parquet to a series.

`frames` reads the chosen columns and their numbers; `reading` lays the rows on a regular grid of time and fills gaps.
Row numbers in messages count from 1, below the header.
"""

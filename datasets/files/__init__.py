"""Files of the user: any table to a series.

`source` makes text of a file, `dialect` finds its rows and names, `table` chooses columns and `cells` reads them,
`numbers`, `sentinels` and `stamps` convert text, `steps` and `rows` lay the rows on a regular grid, and `reading` does
all of it.
Row numbers in messages count rows of data from 1.
"""

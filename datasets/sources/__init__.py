"""Registered series: `registered` lists them, `origins` fetches and checks their files, `readers` parses them.

To add a series, add a SeriesEntry to `registered` and, if its file needs one, a function to `readers`.
"""

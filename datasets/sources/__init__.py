"""Registered series: `registry` lists them, `origins` fetches and checks their files, `readers` parses them.

To add a series, add an Entry to `registry` and, if its file needs one, a function to `readers`.
"""

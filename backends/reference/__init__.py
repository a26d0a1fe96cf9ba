"""The reference implementation in float64 NumPy, with every derivative written out.

All backends are compared with this one. Files and functions as in the other folders.
"""

"""Figures of the reports: a function per figure, which returns None if the run lacks the data.

`style` has what all figures share: colours of the backends, grids of panels and the SVG output.
Figures take numbers from `reports.analysis`; the pages choose and order them.
"""

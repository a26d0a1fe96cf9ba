"""Measurements of the suite itself: harness overhead, cell speed, windowing.

harness.py times calls in turns and forms ratios within a turn, so that a drift of the machine's speed affects both
sides alike.
"""

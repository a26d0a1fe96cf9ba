"""One suite for every backend: problems.py has the models, equality_checks.py and behaviour_checks.py the checks.

test_conformance.py runs the checks for each backend of the registry in a process of its own, and requires that backends
with a deliberate fault (broken.py) fail them.
"""

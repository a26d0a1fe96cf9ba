"""Models described once and trained by several frameworks. Importing this package imports no framework.

contract.py, layers.py, recurrent.py, model.py and seeded.py define the vocabulary; registry.py knows every backend by
name; each framework has a folder with the same files. README.md shows how to add a backend.
"""

from backends.registry import REGISTRY, Entry, device, load, missing

__all__ = ["REGISTRY", "Entry", "device", "load", "missing"]

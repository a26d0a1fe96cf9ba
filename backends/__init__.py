"""Models described once and trained by several frameworks. Importing this package imports no framework.

contract.py, layers.py, recurrent.py, model.py and seeded.py define the vocabulary; registry.py knows every backend by
name; each framework has a folder with the same files; user_program.py adapts a program that a user brings in a file.
README.md shows how to add a backend.
"""

from backends.registry import REGISTRY, Entry, device, entries, entry, excerpt, load, missing, resolved, texts

__all__ = ["REGISTRY", "Entry", "device", "entries", "entry", "excerpt", "load", "missing", "resolved", "texts"]

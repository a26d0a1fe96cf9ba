"""What trains: models built from one vocabulary in several frameworks. Importing this package imports no framework.

contract.py, layers.py, recurrent.py and model.py are the vocabulary; registry.py knows every backend by name; each
framework has a folder with the same files.
"""

from backends.registry import REGISTRY, Entry, load, missing

__all__ = ["REGISTRY", "Entry", "load", "missing"]

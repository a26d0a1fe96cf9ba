"""Keras 3 on TensorFlow, JAX or PyTorch. Files and functions as in the other folders.

engines.py has what Keras leaves to its engine. Importing a file of this folder imports Keras on the engine that
KERAS_BACKEND names; backends.load sets it.
"""

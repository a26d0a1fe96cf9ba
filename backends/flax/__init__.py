"""Flax nnx on JAX, a whole epoch in one compiled program. Files and functions as in the other folders."""

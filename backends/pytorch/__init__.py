"""PyTorch, in an eager loop. Files and functions as in the other folders."""

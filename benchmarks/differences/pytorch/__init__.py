"""PyTorch: what the framework does by default, measured, and the lines that make it equal to the others."""

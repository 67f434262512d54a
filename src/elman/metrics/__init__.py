"""Measures that more than one task uses, with NumPy only."""

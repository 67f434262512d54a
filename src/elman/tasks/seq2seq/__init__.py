"""Sequence to sequence: a text that answers a text."""

"""Decoding: from logits to tokens, tags and waves. Importing this package does not import jax."""

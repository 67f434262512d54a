"""From logits to tokens. Importing this package does not import jax."""

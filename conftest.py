"""Names that docstring examples take for granted."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman

# Compiling is most of the suite's time. The commands that tests start compile as they do for users.
jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(elman=elman, jax=jax, jnp=jnp, jr=jr, np=np)

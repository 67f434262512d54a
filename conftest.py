"""Names that docstring examples take for granted."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import elman


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(elman=elman, jax=jax, jnp=jnp, jr=jr, np=np)

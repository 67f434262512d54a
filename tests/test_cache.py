import os
import pwd

import jax
import pytest

from elman._cache import cache_folder
from elman._compilation import use_compilation_cache


@pytest.fixture
def homeless(monkeypatch):
    """A user without a home folder and without an entry, as in many containers."""
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(user):
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_a_user_without_a_home_folder_has_no_cache(homeless, monkeypatch):
    with pytest.raises(OSError, match="no home folder"):
        cache_folder("tokens")
    monkeypatch.delenv("ELMAN_NO_CACHE", raising=False)
    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", None)
    try:
        use_compilation_cache()
        assert jax.config.values["jax_compilation_cache_dir"] is None
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_the_cache_of_a_user_without_a_home_folder_can_be_named(homeless, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(tmp_path))
    assert cache_folder("tokens") == tmp_path / "elman" / "tokens"

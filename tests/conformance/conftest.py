"""Peers belong to the second tier: without `--all` they are not even imported."""


def pytest_ignore_collect(config, collection_path):
    return True if not config.getoption("--all") and collection_path.name.startswith("test_") else None

import numpy as np


def test_task_forms(names):
    assert names["waves"].shape == (640, 40, 1)
    np.testing.assert_allclose(names["wave"]("sine", 8, 0.25)[:5], [1, 0.5**0.5, 0, -(0.5**0.5), -1], atol=1e-6)
    np.testing.assert_allclose(names["wave"]("saw", 10, 0.0)[:3], [-1, -0.8, -0.6], atol=1e-6)
    assert set(names["wave"]("square", 9, 0.1)) == {-1.0, 1.0}
    assert names["drawn"].shape == names["cleaned"].shape == (80, 40, 1)
    assert names["named"].shape == (80,)
    assert names["drawing_error"] < names["spread"] / 2
    assert names["accuracy"] > 0.9
    assert names["by_step"].mean() < names["noise"] / 2
    assert names["by_step"][-10:].mean() < names["by_step"][:10].mean()
    assert 0.14 < names["noise"] < 0.18
    assert names["pictures"] == ["20-forms"]

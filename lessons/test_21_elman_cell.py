import numpy as np
import pytest


def test_elman_cell(names):
    assert names["weights"] == 3 * 4 + 4 * 4 + 4 + 4 + 4 * 2 + 2
    assert names["difference"] < 1e-6
    texts = ["".join(names["LETTERS"][number] for number in row) for row in names["fresh"][:9]]
    assert all(text.startswith("uu") == bool(number % 3) for number, text in enumerate(texts))
    assert not any(pair in text for text in texts for pair in ("aa", "bd", "db", "iu", "ai"))
    assert names["at_vowels"] < names["at_consonants"]
    assert np.log(3) - 0.1 < names["at_consonants"] < 2
    assert names["first_guess"].sum().round(5) == 1
    assert names["first_guess"].argmax() == names["LETTERS"].index("u")
    assert names["start_size"] > 0
    least = names["early"]["the least"]
    assert least == pytest.approx((2 / 3 * np.log(3 / 2) + 1 / 3 * np.log(9)) / 2)
    assert least - 0.02 < names["early"]["start learnt"] < 0.9  # 600 texts give the probabilities to a hundredth
    assert names["pictures"] == ["21-surprise"]

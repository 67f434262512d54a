import numpy as np


def test_addition(names):
    vectors = names["one_hot"](names["encode"](["1+20"], 6))
    assert vectors.shape == (1, 6, 12)
    np.testing.assert_array_equal(vectors[0].argmax(-1), [3, 1, 4, 2, 0, 0])
    np.testing.assert_array_equal(vectors.sum(-1), np.ones((1, 6)))
    assert names["decode"](vectors[0] * 0.7 + 0.01) == "1+20  "
    assert names["long_inputs"].shape == (2000, 21)
    assert names["long_answers"].shape == (2000, 11)

    assert names["long_questions"][:10] == names["TEN"]
    assert [names["text_of"](row) for row in names["long_answers"][:2]] == ["89842", "940152235"]
    there = ["89834", "940112232", "448444444", "469464414", "999333111"]
    there += ["425140", "219055969", "644343", "85559", "248"]
    assert (names["encode"](there, 11) == names["long_answers"][:10]).sum() == 63  # as docs/lessons.md says

    for question, numbers, answer in zip(names["questions"], names["inputs"], names["answers"], strict=True):
        a, b = map(int, question.split("+"))
        assert "".join(names["CHARACTERS"][number] for number in numbers)[::-1].rstrip() == question
        assert int(names["text_of"](answer)) == a + b
    assert len(set(names["questions"])) == 2000
    pairs = {tuple(sorted(map(int, question.split("+")))) for question in names["questions"]}
    assert len(pairs) == 2000
    carried = [
        sum(map(int, question.replace("+", ""))) - sum(map(int, str(eval(question)))) for question in names["questions"]
    ]
    np.testing.assert_array_equal(names["carried"], np.array(carried[:200]) // 9)  # a carry lowers the digit sum by 9

    assert names["difference"] < 1e-5
    np.testing.assert_allclose(
        by_hand(names, names["inputs"][0]),
        names["scores"](names["models"]["Elman"], names["inputs"][:1], length=3)[0],
        atol=1e-4,
    )
    assert names["by_task"].exact_accuracy > 0.1
    units = names["UNITS"]
    assert names["weights"]["LSTM"] == [4 * units * (12 + units + 1), 4 * units * (2 * units + 1), 12 * (units + 1)]
    assert names["weights"]["Elman"] == [units * (12 + units + 1), units * (2 * units + 1), 12 * (units + 1)]
    guesses = names["guesses_by_cell"]["Elman"]
    assert guesses.shape == (20, 200, 3)
    shares = (guesses == names["answers"][:200]).mean((1, 2))
    assert shares[-1] > max(shares[0], (names["answers"][:200] == 0).mean())  # better than spaces alone
    assert names["right"]["Elman"][-1] > 0.2
    assert names["by_place"].shape == (3, 20)
    assert names["printed"].count("☑") + names["printed"].count("☒") == 21 * 10
    assert "\033" not in names["printed"]
    assert names["pictures"] == ["19-learning", "19-sums"]


def by_hand(names, question):
    """The logits of one answer, computed step by step in NumPy."""
    model = names["models"]["Elman"]
    encoder, decoder, output = (
        {name: np.asarray(array, np.float64) for name, array in vars(model[part]).items() if np.ndim(array)}
        for part in ("encoder", "decoder", "output")
    )

    def step(cell, h, x):
        return np.tanh(x @ cell["kernel"] + h @ cell["recurrent_kernel"] + cell["bias"])

    h = np.zeros(names["UNITS"])
    for number in question:
        h = step(encoder, h, np.eye(12)[number])
    vector, h, answer = h, np.zeros(names["UNITS"]), []
    for _ in range(3):
        h = step(decoder, h, vector)
        answer.append(h @ output["kernel"] + output["bias"])
    return np.array(answer)

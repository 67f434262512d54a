def test_gates(names):
    assert names["targets_of"](".a?!?bc?") == "..a.-..c"
    assert names["equation_error"] < 1e-4
    assert names["losses"][-1] < 0.6 * names["losses"][0]
    assert names["signs"].shape == names["right"].shape == (20, 300)
    assert all(((gate >= 0) & (gate <= 1)).all() for gate in (names["i"], names["f"], names["o"]))
    assert names["accuracy"] > 0.9
    shown = dict(zip(names["SIGNS"], names["by_sign"]["o, show"], strict=True))
    assert shown["?"] > 0.3 + max(shown[sign] for sign in ".abc!")
    assert len(names["prediction"]) == len(names["example"])
    assert names["pictures"] == ["16-gates"]

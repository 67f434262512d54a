import re

import numpy as np


def test_deep(names):
    # Letters on both sides, found by regular expressions.
    text = "".join(".ab"[sign] for sign in names["signs"][0])
    for step, (pair, weight) in enumerate(zip(names["pairs"][0], names["asked"][0], strict=True)):
        left, right = re.search(r"([ab])\.*$", text[:step]), re.match(r"\.*([ab])", text[step + 1 :])
        assert bool(weight) == bool(text[step] == "." and left and right)
        if weight:
            assert left
            assert right
            assert pair == 2 * "ab".index(left[1]) + "ab".index(right[1])
    assert names["both_ends"]["both ends"] > 0.9

    # One bidirectional layer only adds a number for the left and one for the right; two layers do more.
    around = np.array([[1, 0, 1], [1, 0, 2], [2, 0, 1], [2, 0, 2]], np.int32)
    off = {}
    for layers in (1, 2):
        model = names["new_reader"]("both ends", units=5, layers=layers, outputs=2)
        scores = np.asarray(names["read"](model, around))[:, 1]
        off[layers] = np.abs(scores[0] + scores[3] - scores[1] - scores[2]).max()
    assert off[1] < 1e-6 < 1e-4 < off[2]
    assert names["by_depth"][2] > 0.9
    assert names["stack_difference"] < 1e-5

    # Kinds of words, from their endings and the words before.
    for words, kinds in zip(names["test_texts"], names["test_kinds"], strict=True):
        for place, (word, kind) in enumerate(zip(words, kinds, strict=True)):
            expected = {"em": "determiner", "ok": "adjective", "is": "verb"}[word[-2:]]
            if expected == "verb" and place and not words[place - 1].endswith("is"):
                expected = "noun"
            assert names["KINDS"][kind] == expected
    assert names["hierarchy"]["letters, then words"] > 0.9
    assert names["hierarchy_difference"] < 1e-4

    np.testing.assert_array_equal(names["test_backward"], names["test_forward"][:, ::-1])
    late, whole = names["by_place"].values()
    assert late[0] < 0.4 < late[-1]  # the last letter of the answer is the first that was read
    assert min(whole) > 0.5
    assert len(whole) == names["LONG"]

    # Each film is one blob, which moves one point a frame.
    at = names["test_seen"].reshape(len(names["test_seen"]), names["FRAMES"], -1).argmax(-1)
    steps = np.diff(np.stack(np.unravel_index(at, (names["SIDE"], names["SIDE"])), -1), axis=1)
    np.testing.assert_array_equal(
        steps % names["SIDE"],
        np.broadcast_to(names["MOVES"][names["test_moved"][:, 0]][:, None], steps.shape) % names["SIDE"],
    )
    assert names["directions"]["all, in order"] > 0.6
    assert names["pictures"] == ["23-deep"]

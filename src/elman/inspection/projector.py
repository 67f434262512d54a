"""Word vectors for the Embedding Projector of TensorBoard, which shows them as points to rotate and to search (Smilkov
et al., 2016).

A folder has three files: the vectors (`tensors.tsv`), the words with further columns (`metadata.tsv`), and the paths of
these two (`projector_config.pbtxt`). `tensorboard --logdir FOLDER` reads them; the two tables alone can be loaded at
https://projector.tensorflow.org.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from elman._errors import ConfigError, DataError
from elman.formats.vectors.vectors import Vectors

TENSORS, METADATA, CONFIG = "tensors.tsv", "metadata.tsv", "projector_config.pbtxt"

UNTOLD = "-"
"""The text for words without a value in a column."""

_CONFIG = f"""embeddings {{
  tensor_name: "words"
  tensor_path: "{TENSORS}"
  metadata_path: "{METADATA}"
}}
"""


def write_projector(
    vectors: Vectors,
    folder: str | Path,
    *,
    words: Iterable[str] | None = None,
    count: int = 10_000,
    columns: Mapping[str, Mapping[str, object]] | None = None,
    force: bool = False,
) -> list[str]:
    """Writes vectors to `folder` in the projector's format, and returns the words that it shows, in their order.

    A word that a table cannot hold, such as a tab or a blank, is written as Python's `repr`: the projector skips blank
    lines, and would give all words after them the vector of another.

    Args:
        vectors: those of a file (`elman.open_vectors`) or of a trained model (`elman.word_vectors`).
        folder: the folder to write to; it is made if it does not exist.
        words: the words to write, each of which must have a vector; None takes the first `count`.
        count: the most words to write. The projector itself shows at most 100,000.
        columns: further columns to colour or label by, such as `{"tag": {"cat": "NOUN"}}`; words without a value
            have "-".
        force: overwrite the files of an earlier projection.

    Raises:
        ConfigError: files of an earlier projection, or a count below 1.
        DataError: a word without a vector, no word, or a vector that is not finite.

    >>> import tempfile
    >>> from elman.formats.vectors.vectors import WordVectors
    >>> toy = WordVectors("toy", ["cat", "dog"], np.array([[1, 0.5], [0, 2]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_projector(toy, folder, columns={"says": {"cat": "meow"}})
    ...     Path(folder, "tensors.tsv").read_text(), Path(folder, "metadata.tsv").read_text()
    ['cat', 'dog']
    ('1\\t0.5\\n0\\t2\\n', 'word\\tsays\\ncat\\tmeow\\ndog\\t-\\n')
    """
    if count < 1:
        raise ConfigError(f"count: expected at least 1; got {count}")
    shown, matrix = _chosen(vectors, words, count)
    if not shown:
        raise DataError(f"{vectors.name}: no word to show")
    if not np.isfinite(matrix).all():
        word = shown[int(np.argmin(np.isfinite(matrix).all(axis=1)))]
        raise DataError(f"{vectors.name}: the vector of {word!r} holds a number that is infinite or none")
    folder = Path(folder)
    here = [name for name in (TENSORS, METADATA, CONFIG) if (folder / name).exists()]
    if here and not force:
        raise ConfigError(
            f"{folder}: has {', '.join(here)} already; name another folder, or write over them with force (--force)"
        )
    folder.mkdir(parents=True, exist_ok=True)
    more = columns or {}
    table = [[word, *(values.get(word, UNTOLD) for values in more.values())] for word in shown]
    head = [["word", *more]] if more else []  # a table of one column has no head
    _write(folder / METADATA, ([_cell(value) for value in row] for row in [*head, *table]))
    _write(folder / TENSORS, ([f"{number:.9g}" for number in row] for row in matrix.tolist()))  # float32, exactly
    (folder / CONFIG).write_text(_CONFIG, encoding="utf-8")
    return shown


def _chosen(vectors: Vectors, words: Iterable[str] | None, count: int) -> tuple[list[str], np.ndarray]:
    if words is None:
        words = islice(vectors.words(), count)
    chosen = list(islice(dict.fromkeys(words), count))
    vectors_of = vectors.select(chosen)
    vectors_of |= vectors.compose(word for word in chosen if word not in vectors_of)
    for word in chosen:
        if word not in vectors_of:
            vectors.vector(word)  # its error names the nearest spelling
    return chosen, np.array([vectors_of[word] for word in chosen], np.float32)


def _cell(value: object) -> str:
    text = str(value)
    return text if text.strip() and text.isprintable() else repr(text)


def _write(path: Path, rows: Iterable[list[str]]) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines("\t".join(row) + "\n" for row in rows)

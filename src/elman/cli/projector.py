"""`elman projector`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from elman._errors import quantity
from elman.cli._parse import call


def run(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    return call(main, "projector", arguments)


def main(
    place: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="PLACE")],
    /,
    out: Path,
    count: int = 10_000,
    force: bool = False,
) -> int:
    """Write word vectors for the projector of TensorBoard, which shows them as points to rotate and to search.

    Args:
        place: A file of word vectors (fastText .bin or .vec, word2vec, GloVe; .gz, .xz) or a saved model.
        out: The folder to write to.
        count: Number of words to write, from the first on.
        force: Overwrite an earlier projection.
    """
    from elman.cli.neighbours import open_place
    from elman.inspection.projector import write_projector

    words = write_projector(open_place(place), out, count=count, force=force)
    print(f"{quantity(len(words), 'word')} in {out}; look at them with tensorboard --logdir {out}, under PROJECTOR")
    return 0

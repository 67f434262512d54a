"""Mutates files, reads them, and collects what is a fault.

Allowed are a value and an `InputError` whose message is one line of at most 300 characters. All else is a fault:
another exception, a warning, more than `SLOW` seconds of processor time, more than `MEMORY` bytes.
"""

import shutil
import signal
import tempfile
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from elman._errors import LONGEST_MESSAGE, InputError
from tests.fuzz.mutations import mutate
from tests.fuzz.readers import OF_FOLDERS, READERS
from tests.memory import at_most

SLOW = 5  # seconds
MEMORY = 1 << 30

HERE = Path(__file__).parent


class Fault(NamedTuple):
    """A forbidden outcome of reading a mutation."""

    number: int
    kind: str
    """The class of the exception and the line of elman that raised it."""
    message: str


class SlowError(BaseException):
    """A read that took too long; no reader catches it."""


def faults(name, numbers):
    """Yields the faults of a reader with these mutations; each depends on its number alone."""
    all_seeds = READERS[name].seeds()
    others = [next(iter(seed.values())) for seed in all_seeds]
    files = ((number, _mutated(name, number, all_seeds, others)) for number in numbers)
    return faults_of(name, files)


def faults_of(name, numbered_files):
    """Yields the faults of a reader with files, which have numbers."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        with at_most(MEMORY), _stopped(), warnings.catch_warnings():
            warnings.simplefilter("error")
            for number, files in numbered_files:
                place = written(folder / str(number), files)
                target = place if name in OF_FOLDERS else place / next(iter(files))
                faults = [fault for read in READERS[name].reads if (fault := _fault(read, target))]
                if faults:
                    yield Fault(number, *faults[0])
                shutil.rmtree(place)
    finally:
        shutil.rmtree(folder)


def mutation(name, number):
    """The files of a mutation, to look at."""
    all_seeds = READERS[name].seeds()
    return _mutated(name, number, all_seeds, [next(iter(seed.values())) for seed in all_seeds])


def _mutated(name, number, all_seeds, others):
    random = Random(f"{name} {number}")
    seed = all_seeds[number % len(all_seeds)]
    first = next(iter(seed))
    return seed | {first: mutate(seed[first], random, others)}


def written(place, files):
    """Writes the files of a mutation, or of a seed, in a folder that is new."""
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def _fault(read, place):
    """The kind and the message of a fault; None where there is none."""
    try:
        signal.setitimer(signal.ITIMER_PROF, SLOW)
        try:
            read(place)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except InputError as error:
        message = str(error)
        if len(message) <= LONGEST_MESSAGE and message.isprintable():
            return None
        return "a message that is too long or of several lines", message
    except (Exception, SlowError) as error:
        return f"{type(error).__name__} at {_line(error)}", str(error)[:300]
    return None


def _line(error):
    """The last line of elman in the traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/elman/" in frame.filename]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename.rpartition('/elman/')[2]}:{last.lineno} ({last.name})"


@contextmanager
def _stopped():
    """Stops a read that takes too long."""

    def stop(signal, frame):
        raise SlowError(f"over {SLOW} s")

    before = signal.signal(signal.SIGPROF, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGPROF, before)

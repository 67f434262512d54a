"""Files of word vectors, written here by hand, and an independent reading of fastText's n-grams."""

import struct

import numpy as np

WORDS = ["the", "café", "日本語", "a"]
VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) / 8 - 0.5


def text(words=WORDS, vectors=VECTORS, *, header=True, end="\n"):
    rows = [f"{word} {' '.join(map(str, vector))}{end}" for word, vector in zip(words, vectors.tolist(), strict=True)]
    first = f"{len(words)} {vectors.shape[1]}\n" if header else ""
    return (first + "".join(rows)).encode()


def binary(words=WORDS, vectors=VECTORS, *, end=b"\n"):
    rows = [word.encode() + b" " + vector.tobytes() + end for word, vector in zip(words, vectors, strict=True)]
    return f"{len(words)} {vectors.shape[1]}\n".encode() + b"".join(rows)


def fasttext(words, matrix, *, buckets=0, shortest=0, longest=0, labels=(), version=12, kind=2, pruned=-1, quantised=0):
    """The new binary format. `matrix` has a row for each word, then for each bucket."""
    settings = [matrix.shape[1], 5, 5, 1, 5, 1, 2, kind, buckets, shortest, longest, 100]
    head = struct.pack("<ii12id", 793712314, version, *settings, 1e-4)
    counts = struct.pack("<3i2q", len(words) + len(labels), len(words), len(labels), 1000, pruned)
    entries = [word.encode() + b"\0" + struct.pack("<qb", 7, word in labels) for word in (*words, *labels)]
    output = b"\0" + struct.pack("<2q", 2, matrix.shape[1]) + bytes(8 * matrix.shape[1])
    shape = struct.pack("<2q", *matrix.shape)
    return head + counts + b"".join(entries) + bytes([quantised]) + shape + matrix.astype("<f4").tobytes() + output


def mean_of_parts(word, matrix, *, words, buckets, shortest, longest):
    """The vector of a word, one n-gram at a time, with Python's integers."""
    rows = [matrix[words.index(word)]] if word in words else []
    marked = f"<{word}>"
    for start in range(len(marked)):
        for length in range(max(shortest, 1), longest + 1):
            gram = marked[start : start + length]
            if start + length > len(marked) or (gram in ("<", ">") and start in (0, len(marked) - 1)):
                continue
            value = 2166136261
            for byte in gram.encode():
                signed = byte - 256 if byte > 127 else byte
                value = (value ^ signed % 2**32) * 16777619 % 2**32
            rows.append(matrix[len(words) + value % buckets])
    return np.mean(rows, axis=0) if rows else None

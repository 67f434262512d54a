"""Changes to the bytes of a file that files suffer, or that an attacker tries."""

import re

LARGEST = 60_000  # bytes of a mutated file

NUMBERS = [
    *(b"0", b"-1", b"-0", b"1e999", b"-1e999", b"1e-400", b"nan", b"inf", b"1_000", b"0x10", b"1,5", b"+", b"."),
    *(b"2147483648", b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"1000000000000"),
    *(b"9" * 400, b"9" * 5000, b"1." + b"0" * 5000, "١٢".encode(), "½".encode(), "²".encode()),
]
WORDS = [
    *(b"\0", b"\t", b"\n", b"\n\n", b"\r", b"\r\n", b" ", b"  ", b'"', b"'", b"\\", b":", b";", b",", b"@", b"#", b"%"),
    *(
        b"(",
        b")",
        b"/",
        b"|",
        b"~",
        b"<",
        b">",
        b"?",
        b"=",
        b"*",
        b"-",
        b"_",
        b"[",
        b"]",
        b"{",
        b"}",
        b"null",
        b"\\u0000",
    ),
    *(
        b"\\ud800",
        b"n't",
        b"'s",
        b"@data\n",
        b"@classLabel true\n",
        b"# text = x\n",
        b"1-2\t",
        b"1.1\t",
        b"../",
        b"\x1b[31m",
    ),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\x80", b"\xe9"),
    *(c.encode() for c in "\x85\u2028\u2029\x0b\x0c\x1c\xa0\u200d\u200b\u0301\u202e\ufeff\ufffd\U0001f469İßἸ가"),
]
NESTS = [(b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b'"', b'"'), (b'[{"a":', b"}]"), (b"a:", b"")]
REPEATS = (*((2, 3, 10, 100) * 4), 1200, 5000, 50_000)
"""Numbers of repetitions; few are large, since reading these takes most of the time."""
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "cp037", "utf-7")

_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?")
_TOKEN = re.compile(rb"[^\s,;:|]+")


def mutate(content, random, others):
    """One to four changes of `content`; parts of `others` may be put into it."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        content = random.choice(MUTATIONS)(content, random, others)[:LARGEST]
    return content


def flip_bits(content, random, others):
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 4, 32)) if changed else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def flip_early(content, random, others):
    """Changes a byte of the head, where binary formats have their sizes."""
    changed = bytearray(content)
    if changed:
        changed[random.randrange(min(len(changed), 128))] = random.choice(
            (0, 1, 0x7F, 0x80, 0xFF, random.randrange(256))
        )
    return bytes(changed)


def write_extreme(content, random, others):
    """Writes an extreme whole number of two, four or eight bytes."""
    size = random.choice((2, 4, 8))
    bits = 8 * size
    value = random.choice((0, 1, (1 << bits) - 1, 1 << (bits - 1), (1 << (bits - 1)) - 1, 1 << (bits - 2), 1000))
    at = random.randrange(min(len(content), random.choice((128, 1 << 30))) + 1)
    return content[:at] + value.to_bytes(size, "little") + content[at + size :]


def replace_all(content, random, others):
    """A file of almost nothing, or of nothing but one thing."""
    return random.choice(
        (b"", random.choice(WORDS), random.choice(WORDS) * random.choice(REPEATS), random.choice(NUMBERS))
    )


def truncate(content, random, others):
    at = random.randrange(len(content) + 1)
    return content[:at] if random.random() < 0.8 else content[at:]


def remove_span(content, random, others):
    start, stop = _span(content, random)
    return content[:start] + content[stop:]


def repeat_span(content, random, others):
    start, stop = _span(content, random)
    return content[:stop] + content[start:stop] * _times(random, stop - start) + content[stop:]


def move_span(content, random, others):
    start, stop = _span(content, random)
    rest = content[:start] + content[stop:]
    at = random.randrange(len(rest) + 1)
    return rest[:at] + content[start:stop] + rest[at:]


def splice(content, random, others):
    other = random.choice(others)
    start, stop = _span(other, random)
    at = random.randrange(len(content) + 1)
    return content[:at] + other[start:stop] + content[at:]


def change_lines(content, random, others):
    """Removes, repeats, swaps, empties, joins or reverses lines."""
    lines = content.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines[at:at] = [lines[at]] * _times(random, len(lines[at]) + 1)
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = b""
        case 4:
            lines[at : at + 2] = [b"".join(lines[at : at + 2])]
        case 5:
            lines[at] = lines[at][::-1]
    return b"\n".join(lines)


def widen_line(content, random, others):
    """Adds fields to a line."""
    lines = content.split(b"\n")
    at = random.randrange(len(lines))
    field = random.choice((b",1", b"\t1", b" 1", b":1", b",", b"\t", b";", b" a=b", b"|a=b"))
    lines[at] += field * _times(random, len(field))
    return b"\n".join(lines)


def replace_number(content, random, others):
    return _replace(content, random, _NUMBER, random.choice(NUMBERS))


def replace_token(content, random, others):
    return _replace(content, random, _TOKEN, random.choice((*NUMBERS, *WORDS, b"")))


def repeat_token(content, random, others):
    tokens = list(_TOKEN.finditer(content))
    if not tokens:
        return content
    token = random.choice(tokens)
    between = random.choice((b"", b" ", b"\t", b",", b"\n"))
    return content[: token.end()] + (between + token[0]) * _times(random, len(token[0]) + 1) + content[token.end() :]


def insert_word(content, random, others):
    at, word = random.randrange(len(content) + 1), random.choice(WORDS)
    return content[:at] + word * random.choice((1, 1, 1, _times(random, len(word)))) + content[at:]


def nest(content, random, others):
    """Wraps a token in brackets, many times."""
    before, after = random.choice(NESTS)
    times = random.choice(REPEATS)
    tokens = list(_TOKEN.finditer(content))
    start, stop = random.choice(tokens).span() if tokens else (0, 0)
    closed = after * times if random.random() < 0.7 else b""
    return content[:start] + before * times + content[start:stop] + closed + content[stop:]


def encode_anew(content, random, others):
    text = content.decode(random.choice(("utf-8", "latin-1")), "replace")
    return text.encode(random.choice(ENCODINGS), "replace")


def change_case(content, random, others):
    start, stop = _span(content, random)
    change = random.choice((bytes.upper, bytes.lower, bytes.swapcase, bytes.title))
    return content[:start] + change(content[start:stop]) + content[stop:]


def change_separator(content, random, others):
    separators = (b",", b"\t", b" ", b";", b":", b"\n", b"\r\n", b"|", b"")
    before = random.choice([one for one in separators[:-1] if one in content] or [b","])
    return content.replace(before, random.choice(separators), random.choice((1, 3, -1)))


MUTATIONS = (
    *(
        flip_bits,
        flip_early,
        write_extreme,
        replace_all,
        truncate,
        remove_span,
        repeat_span,
        move_span,
        splice,
        change_lines,
    ),
    *(widen_line, replace_number, replace_number, replace_token, repeat_token, insert_word, insert_word, nest),
    *(encode_anew, change_case, change_separator),
)


def _span(content, random):
    start = random.randrange(len(content) + 1)
    longest = random.choice((1, 4, 32, 512, len(content)))
    return start, min(len(content), start + random.randrange(longest + 1))


def _times(random, size):
    """A number of repetitions that keeps the file small."""
    return min(random.choice(REPEATS), LARGEST // max(size, 1))


def _replace(content, random, pattern, by):
    places = list(pattern.finditer(content))
    if not places:
        return content
    start, stop = random.choice(places).span()
    return content[:start] + by + content[stop:]

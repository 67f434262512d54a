"""Small well-formed files to mutate: heads of real ones where `ELMAN_DATA` names them, and generated ones.

A seed is the files of a folder by name; the first one is mutated.
"""

import gzip
import io
import lzma
import os
import tarfile
import tempfile
import zipfile
from itertools import islice
from pathlib import Path

import numpy as np

from elman.formats.wfdb.annotations import Annotations, decode_annotations, encode_annotations
from elman.formats.wfdb.header import read_header, write_header
from elman.formats.wfdb.record import Record, write_record
from elman.formats.wfdb.signals import count
from tests.formats import edf_bytes
from tests.formats.vectors import vector_bytes

DATA = Path(os.environ.get("ELMAN_DATA") or "no data")

CONLLU = b"""# sent_id = 1
# text = It's here.
1-2\tIt's\t_\t_\t_\t_\t_\t_\t_\t_
1\tIt\tit\tPRON\tPRP\tCase=Nom|Number=Sing\t3\tnsubj\t_\t_
2\t's\tbe\tAUX\tVBZ\t_\t3\tcop\t_\t_
3\there\there\tADV\tRB\t_\t0\troot\t_\tSpaceAfter=No
3.1\there\there\tADV\tRB\t_\t_\t_\t0:root\t_
4\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\t_

# text = No
1\tNo\tno\tINTJ\tUH\t_\t0\troot\t_\t_

"""
COLUMNS = b"""-DOCSTART- -X- O O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""
SCHEMES = b"Ann U-PER\nlives O\nNew B-LOC\nYork L-LOC\n\nBank B-ORG\nof I-ORG\nOslo L-ORG\n"
TS = b"""#a comment
@problemName Steps
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength true
@seriesLength 3
@classLabel true a b
@data
1.5,2,3:4,5,6:a
1,2,-3e2:4,5,6.25:b
7,8,9:7,8,9:a
"""
UNEVEN_TS = b"@univariate true\n@equalLength false\n@classLabel true\n@data\n1,2,3:a\n1,?,2:b\n"
ROWS = b"1\t0.5\t-2e-1\t3\t1\t0.25\t4\t7\t1.5\n-1\t4\t5\t1\t2\t3\t0\tNaN\tNaN\n"
LONG = b"series,time,x,y,label\ns1,1,0.5,2,a\ns1,2,0.75,3,a\ns2,1,5,-2,b\ns2,2,6,1e3,b\n"
FORECASTS = {
    "long.csv": b"unique_id,ds,y,price\na,2016-07-01,5,1.5\na,2016-07-02,6,1.5\nb,2016-07-01,,2\nb,2016-07-02,7,3\n",
    "wide.csv": b"date,HUFL,OT\n2016-07-01 00:00:00,5.8,30.5\n2016-07-01 01:00:00,5.6,27.7\n2016-07-01 02:00:00,5,NA\n",
    "parts.csv": b"No,year,month,day,hour,y\n1,2010,1,1,0,129\n2,2010,1,1,1,148\n3,2010,1,1,2,159\n",
    "months.csv": b'"Month","y"\n"1749-01",58.0\n"1749-02",62.6\n"1749-03",70.0\n',
    "days.txt": b"date price\n2024-01-31 0.5\n2024-02-01 7\n2024-02-02 1e3\n",
    "clock.csv": b"Date;Time;y\n31/12/2024;23:30;0,5\n1/1/2025;00:00;-7\n1/1/2025;0:30;1.25\n",
    "index.csv": b",a,Unnamed: 2\n20241231,5,1\n20250101,6,2\n20250102,,3\n",
    "weeks.csv": b"year,week,y\n2024,51,1\n2024,52,2\n2025,1,3\n",
    "rows.tsv": b"ds\ty\n1\t0.5\n2\t1\n4\t2\n",
    "lines.jsonl": b"""{"ds": "2016Q1", "y": 5, "note": [1, {"a": null}]}
{"ds": "2016Q2", "y": 6.5}
{"ds": "2016Q3", "y": null}
""",
    "zones.csv": b"ds,y\n2016-07-01T00:00+02:00,1\n2016-07-01T01:00+02:00,2\n",
}
TEXTS = {
    "table.csv": b'id,text,label\n1,"one, two\nthree",ham\n2,"say ""hi""",spam\n3,four,ham\n4,five,spam\n',
    "table.tsv": b"text\tlabel\none two\tham\nthree\tspam\nfour\tham\nfive\tspam\n",
    "table.jsonl": b'{"text": "one \\u00e9", "label": 1}\n{"text": "two", "label": 2, "more": {"a": [1.5, true]}}\n',
    "lists.jsonl": b'{"text": "one", "label": ["a", "b"]}\n{"text": "two", "label": []}\n',
    "lists.csv": b"text,label\none,\"['a', 'b']\"\ntwo,a|b\nthree,b\n",
    "fasttext.txt": b"__label__a __label__b one two\n__label__b three\n",
    "sms.txt": b"ham\tSee you\nspam\tWin now\nham\tok\nspam\tfree\n",
    "trec.txt": b"DESC:manner How did it ?\nENTY:cremat What films ?\nDESC:manner How ?\n",
}
TEXT = """The cat's "hat", e.g. at http://a.b/c?d=1, cost $1,234.50 (10%): don't e-mail a@b.co! :-)
naïve Ångström e\u0301 日本語 हिन्दी ไทย 👩\u200d💻👍🏽 ﬁ ǆ İ I'd've can't they’ll

Another line... with -- marks?! and 3.14 or 10:30.
""".encode()
PAIRS = b"one\tun\none\tune\ntwo\tdeux\tmore\nthree four\ttrois quatre\n"
DICTIONARY = b";;; comment\nabbey AE1 B IY0\nabbey(2) AE1 B EY0 # note\n'bout B AW1 T\n"
ALIGNER = b"bala\t1\t0.0\t0.0\t0.0\tB AA1\nkora\t0.99\t0.14\t1.0\t1.03\tK R\noeuf 0.5 9 f\n"


def lines_of(name, count, *, skip=0):
    """The first lines of a real file; none without it."""
    place = DATA / name
    if not place.exists():
        return []
    opener = lzma.open if place.suffix == ".xz" else open
    with opener(place, "rb") as file:
        return [b"".join(islice(file, skip, skip + count))]


def named(name, contents):
    return [{name: content} for content in contents]


def tables(files):
    return [{name: content} for name, content in files.items()]


def forecasts():
    real = {
        "ETTh1.csv.xz": 30,
        "airline-passengers.csv": 40,
        "beijing-pm25.csv.xz": 30,
        "daily-min-temperatures.csv": 40,
        "statsmodels-co2.csv": 40,
        "statsmodels-nile.csv": 20,
    }
    return tables(FORECASTS) + [
        seed
        for name, count in real.items()
        for seed in named(name.removesuffix(".xz"), lines_of(f"timeseries/{name}", count))
    ]


def texts():
    real = [
        *named("sms.txt", lines_of("classification/sms/SMSSpamCollection", 20)),
        *named("trec.txt", lines_of("classification/trec/TREC.train", 20)),
    ]
    return tables(TEXTS) + real


def encoded():
    """Labelled texts in other encodings."""
    text = "id,text,label\n1,naïve café,ham\n2,zwei,spam\n3,drei,ham\n"
    encodings = ("utf-16", "utf-16-le", "utf-32-be", "cp1252", "utf-7")
    return named(
        "a.csv", [text.encode(encoding) for encoding in encodings] + ["text,label\n日本,ham\n".encode("shift_jis")]
    )


def class_files():
    """A file for each class, and a folder for each class."""
    polarity = [lines_of(f"classification/mr/rt-polarity.{kind}", 10) for kind in ("pos", "neg")]
    return [
        {"English.txt": b"Smith\nJones\n", "French.txt": "Dubois\nLefèvre\n".encode()},
        {"pos/1.txt": b"good film\n", "pos/2.txt": b"fine", "neg/1.txt": b"bad film\n", "neg/2.txt": b"poor"},
        *([{"polarity.pos": polarity[0][0], "polarity.neg": polarity[1][0]}] if all(polarity) else []),
    ]


def series():
    real = [
        *lines_of("classification/multivariate/JapaneseVowels_TRAIN.ts.xz", 20),
        *lines_of("classification/multivariate/BasicMotions_TRAIN.ts.xz", 16),
    ]
    return named("a.ts", [TS, UNEVEN_TS, *real])


def conllu():
    return named("a.conllu", [CONLLU, *lines_of("ud_english_ewt/en_ewt-ud-dev.conllu.xz", 60)])


def pairs():
    return named("a.tsv", [PAIRS, *lines_of("seq2seq/eng-fra-5000.txt.xz", 30)])


def aligned():
    real = [lines_of(f"seq2seq/multi30k/val.{language}.xz", 10) for language in ("de", "en")]
    made = {"a.de": "ein Hund\nzwei Hunde läuft\n".encode(), "a.en": b"a dog\ntwo dogs run\n"}
    return [made, *([{"a.de": real[0][0], "a.en": real[1][0]}] if all(real) else [])]


def dictionaries():
    return named("a.dict", [DICTIONARY, ALIGNER, *lines_of("seq2seq/cmudict.dict.xz", 40, skip=200)])


def plain_texts():
    return named("a.txt", [TEXT, *lines_of("text/nietzsche.txt", 8), *lines_of("text/tinyshakespeare.txt", 10)])


def records(first):
    """A record in each format, in pieces, and the beginning of a real one; its file with the ending `first` is the one
    that is mutated."""
    found = [*(_record(format) for format in (16, 24, 32, 212)), *map(_packed, (8, 61, 80, 160, 310, 311)), _pieces()]
    for place, frames in (("ludb/1", 700), ("mitdb/100", 400)):
        found += _real_record(DATA / "ecg" / "samples" / place, frames)
    return [dict(sorted(seed.items(), key=lambda item: not item[0].endswith(first))) for seed in found]


def _record(format):
    random = np.random.default_rng(0)
    record = Record("a", random.standard_normal((40, 2)).astype(np.float32), 250.0, ("I", "II"), comments=("age: 40",))
    return _files(record, format) | {"a.atr": _annotations()}


def _packed(format):
    """A record in a format that is not written: a lead with three samples a frame, and one that is late."""
    content = np.random.default_rng(format).bytes(160)
    frames = count(format, len(content)) // 4
    head = f"a 2 250/1000(5) {frames} 10:00:00 1/2/2003\na.dat {format}x3 200(5)/mV 12 0 0 0 0 I\n"
    return {"a.hea": f"{head}a.dat {format}:2 1e3/uV\n".encode(), "a.dat": content, "a.atr": _annotations()}


def _files(record, format):
    with tempfile.TemporaryDirectory() as folder:
        write_record(Path(folder, record.name), record, format=format)
        return {file.name: file.read_bytes() for file in Path(folder).iterdir()}


def _pieces():
    one = Record("a_1", np.ones((20, 2), np.float32), 250.0, ("I", "II"))
    head = b"a/3 2 250 50\na_1 20\n~ 10\na_1 20\n"
    return {"a.hea": head, "a.atr": _annotations(), **_files(one, 16)}


def _annotations():
    samples = np.array([0, 5, 9, 12])
    symbols, none = ("+", "N", "V", "N"), np.zeros(4, np.int64)
    notes = ("(N", "", "", "a note")
    return encode_annotations(Annotations(samples, symbols, none, none + 1, none + 2, notes, 250.0))


def _real_record(place, frames):
    if not place.with_suffix(".hea").exists():
        return []
    header = read_header(place.with_suffix(".hea").read_text(), str(place))
    file, width = header.signals[0].file, len(header.signals)
    size = 2 * frames * width if header.signals[0].format == 16 else 3 * frames * width // 2
    signals = tuple(signal._replace(checksum=None) for signal in header.signals)
    cut = header._replace(name="a", frames=frames, signals=signals)
    marks = decode_annotations(next(place.parent.glob(f"{place.name}.a*")).read_bytes(), str(place))
    count = int(np.searchsorted(marks.samples, frames))
    numbers = (column[:count] for column in (marks.subtypes, marks.channels, marks.numbers))
    marks = Annotations(marks.samples[:count], marks.symbols[:count], *numbers, marks.notes[:count], marks.rate)
    return [
        {
            "a.hea": write_header(cut).encode(),
            file: place.with_suffix(".dat").read_bytes()[:size],
            "a.atr": encode_annotations(marks),
        }
    ]


def edf_files():
    """EDF, EDF+ with pauses and marks, and BDF."""
    wave = np.arange(20).reshape(2, 10)
    marks = edf_bytes.annotations(b"+0\x14\x14\0+0.5\x150.25\x14a mark\x14\0", b"+3\x14\x14\0")
    plain = edf_bytes.edf(edf_bytes.Channel("I", wave), edf_bytes.Channel("II", wave[:, :5]))
    plus = edf_bytes.edf(edf_bytes.Channel("EEG Fpz", wave, "uV"), marks, kind="EDF+D", patient="X F 02-MAY-1951 X")
    return named("a.edf", [plain, plus]) + named("a.bdf", [edf_bytes.edf(edf_bytes.Channel("I", wave), bits=24)])


def ecg_tables():
    timed = b"time,II,V1 (uV)\n0.000,0.5,120\n0.004,0.75,\n0.008,-1e-3,130\n"
    return named("a.csv", [timed, b"0.5;0.25\n0.75;nan\n"]) + named("a.txt", [b"ms II\n0 1\n4 2\n8 3\n"])


def text_vectors():
    real = [_counted(one, 20) for one in lines_of("vectors/gensim-lee_fasttext.vec", 21)]
    return named("a.vec", [vector_bytes.text(), *real])


def glove():
    return named("a.txt", [vector_bytes.text(header=False), *lines_of("vectors/glove.6B.50d.top20k.txt.xz", 20)])


def binary_vectors():
    return named("a.bin", [vector_bytes.binary(), vector_bytes.binary(end=b""), *_real_binary()])


def _counted(text, count):
    head, rest = text.split(b"\n", 1)
    return b"%d %s\n" % (count, head.split()[1]) + rest


def _real_binary(count=20):
    place = DATA / "vectors" / "gensim-euclidean_vectors.bin"
    if not place.exists():
        return []
    head, rest = place.read_bytes().split(b"\n", 1)
    width, at = int(head.split()[1]), 0
    for _ in range(count):
        at = rest.index(b" ", at) + 1 + 4 * width
    return [b"%d %d\n" % (count, width) + rest[:at]]


def fasttext():
    matrix = np.arange(42, dtype=np.float32).reshape(14, 3) / 8
    words = ["the", "café", "日本語", "</s>"]
    small = vector_bytes.fasttext(words, matrix, buckets=10, shortest=2, longest=4)
    plain = vector_bytes.fasttext(words, matrix[:4], labels=("__label__a",))
    real = DATA / "vectors" / "gensim-lee_fasttext_new.bin"
    # A real one is large: it is mutated once in sixteen times.
    return named("a.bin", [small, plain] * 7 + [small, *([real.read_bytes()] if real.exists() else [plain])])


def archives():
    """Archives in every form and compression, with folders, links, long and strange names."""
    found = []
    for ending, mode in ((".tar", "w"), (".tar.gz", "w:gz"), (".tar.xz", "w:xz"), (".tgz", "w:gz")):
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            content = io.BytesIO()
            with tarfile.open(fileobj=content, mode=mode, format=form) as tar:
                _add(tar, "a/1.txt", TEXT)
                _add(tar, f"b/{'long' * 30}é.txt", b"two")
                _add(tar, ".hidden", b"no")
                _link(tar, "b/hard.txt", "a/1.txt", tarfile.LNKTYPE)
                _link(tar, "b/soft.txt", "/etc/passwd", tarfile.SYMTYPE)
            found.append({f"a{ending}": content.getvalue()})
    return found


def zips():
    """Zip archives in every compression, with a compressed member, an archive, a link and strange names."""
    soft = zipfile.ZipInfo("soft")
    soft.external_attr = 0o120777 << 16
    inner = _zip({"1.txt": b"two"})
    entries = {"a/1.txt": TEXT, "b\\é.txt.gz": gzip.compress(TEXT, mtime=0), "c.zip": inner, soft: b"a"}
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    return [{"a.zip": _zip(entries, kind)} for kind in kinds]


def _zip(entries, kind=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", kind) as archive:
        for name, data in entries.items():
            archive.writestr(name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name), data, kind)
    return content.getvalue()


def _add(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _link(tar, name, to, kind):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    tar.addfile(member)


def compressed():
    return [
        {"a.txt.gz": gzip.compress(TEXT)},
        {"a.txt.xz": lzma.compress(TEXT)},
        {"a.txt.gz": gzip.compress(TEXT) + gzip.compress(TEXT)},
        {"a.txt.xz": lzma.compress(TEXT) + lzma.compress(TEXT)},
        {"a.txt.xz": lzma.compress(TEXT, format=lzma.FORMAT_ALONE)},
    ]

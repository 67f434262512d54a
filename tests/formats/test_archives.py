"""Archives and compressed files that lie about their size, and paths that lead out of them."""

import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from elman import ConfigError, DataError
from elman.formats import compression
from elman.formats.archives import members
from elman.formats.compression import MAX_EXPANSION, open_file
from elman.formats.files import read_files
from elman.formats.place import Place
from elman.formats.sources import open_sources
from elman.formats.text import TextSource
from elman.formats.vectors.files import open_vectors
from tests.memory import at_most

ZEROS = bytes(3 << 20)
BOMB = (
    "expands from [0-9,]+ bytes to more than 1,048,576, as bombs do; if you trust the file, set .*ELMAN_MAX_EXPANSION"
)


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(compression, "FREE", 1 << 20)


def tar_of(place, *entries):
    """An archive of pairs of a name, or a member, and its content."""
    with tarfile.open(place, "w:" + place.suffix.strip(".").replace("tar", "")) as tar:
        for name, content in entries:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return place


def zip_of(place, *entries):
    """A zip archive of pairs of a name, or a member, and its content."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in entries:
            archive.writestr(*entry)
    return place


def packed(pack, *entries, name="inner"):
    """The bytes of an archive."""
    with tempfile.TemporaryDirectory() as folder:
        return pack(Path(folder, name), *entries).read_bytes()


def link(name, to, kind):
    member = tarfile.TarInfo(name)
    member.linkname, member.type = to, kind
    return member, b""


def promised(place, size, *, sparse=False):
    """An archive whose only header promises `size` bytes, with a few; or a sparse file of old GNU form, all hole."""
    member = tarfile.TarInfo("a.txt")
    member.size = size
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    if sparse:
        header[124:136] = b"00000000000\0"
        header[156:157] = tarfile.GNUTYPE_SPARSE
        header[386:410] = b"%011o\0%011o\0" % (0, 0)
        header[483:495] = b"\x80" + size.to_bytes(11, "big")
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    content = b"" if sparse else b"few bytes".ljust(512, b"\0")
    place.write_bytes(bytes(header) + content + bytes(1024))
    return place


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.xz", "a.tar.gz", "a.tar.xz", "a.tgz", "a.zip"])
def test_a_bomb_is_refused_and_read_where_the_limit_is_raised(name, tmp_path, monkeypatch):
    place = tmp_path / name
    if name.endswith("zip"):
        zip_of(place, ("a.txt", ZEROS))
    elif ".t" in name.removeprefix("a.txt"):
        tar_of(place.with_suffix(".xz" if name.endswith("xz") else ".gz"), ("a.txt", ZEROS)).rename(place)
    else:
        place.write_bytes((gzip if name.endswith("gz") else lzma).compress(ZEROS))
    with pytest.raises(DataError, match=BOMB):
        read_files(place)
    monkeypatch.setenv(MAX_EXPANSION, "10000")
    assert [file.content for file in read_files(place)] == [ZEROS]


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("read", [open_vectors, lambda place: list(TextSource.open(place).raw())])
def test_every_reader_has_the_limit(read, tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"2 2\na 1 1\n" + b" " * (3 << 20)))
    with pytest.raises(DataError, match=BOMB):
        read(tmp_path / "a.gz")


@pytest.mark.usefixtures("small_limit")
def test_recognition_takes_a_bomb_for_empty(tmp_path):
    place = Place(str(tar_of(tmp_path / "a.tar.gz", ("a.txt", ZEROS))))
    assert place.members == ()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("size", [1 << 30, 1 << 40, 1 << 62])
def test_a_header_that_promises_more_than_there_can_be_is_refused(size, sparse, tmp_path):
    with pytest.raises(DataError, match=r"a\.tar: expands from [0-9,]+ bytes to more than 67,108,864"):
        read_files(promised(tmp_path / "a.tar", size, sparse=sparse))


def test_a_sparse_file_is_read_with_its_holes(tmp_path):
    assert read_files(promised(tmp_path / "a.tar", 1 << 21, sparse=True))[0].content == bytes(1 << 21)


def test_a_wrong_limit_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"one"))
    for written in ("many", "0.5", "nan", "-1"):
        monkeypatch.setenv(MAX_EXPANSION, written)
        with pytest.raises(ConfigError, match=f"ELMAN_MAX_EXPANSION: expected how many times.*; got '{written}'"):
            read_files(tmp_path / "a.gz")


def test_links_and_absolute_paths_read_nothing_outside_the_archive(tmp_path):
    (tmp_path / "secret").write_text("secret")
    place = tar_of(
        tmp_path / "a.tar",
        ("/etc/one", b"1"),
        link("hard", "/etc/one", tarfile.LNKTYPE),
        link("out", str(tmp_path / "secret"), tarfile.LNKTYPE),
        link("soft", str(tmp_path / "secret"), tarfile.SYMTYPE),
        link("device", "", tarfile.CHRTYPE),
    )
    assert [(member.path, member.content) for member in members(place)] == [(("etc", "one"), b"1"), (("hard",), b"1")]


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/../a"])
def test_a_path_that_leads_out_of_the_archive_is_refused(name, tmp_path):
    with pytest.raises(DataError, match=f"a.tar: the path '{name}' leads out of the archive"):
        read_files(tar_of(tmp_path / "a.tar", (name, b"1")))


def test_no_member_is_lost_in_silence(tmp_path):
    place = tar_of(tmp_path / "a.tar", *((name, name.encode() * 600) for name in "abc"))
    whole = place.read_bytes()
    assert len(read_files(place)) == 3
    second = 512 + 1024  # the header of b, behind that of a and two blocks
    for damaged in (
        whole[:second],  # the end mark is missing
        whole[: second + 100],  # cut within a header
        whole[: second + 512 + 100],  # cut within a content
        whole[:second] + b"\1" + whole[second + 1 :],  # a wrong header
    ):
        place.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.tar: the archive is damaged or cut short"):
            read_files(place)


@pytest.mark.parametrize(("pack", "name"), [(zip_of, "a.zip"), (tar_of, "a.tar"), (tar_of, "a.tar.xz")])
def test_an_archive_is_read_like_a_folder(pack, name, tmp_path):
    inner = packed(zip_of, ("b.csv", b"3"), ("deep/c.csv.gz", gzip.compress(b"4")))
    tar = packed(tar_of, ("d.csv", b"5"), name="inner.gz")
    place = pack(
        tmp_path / name,
        ("one/a.csv", b"1"),
        ("one/b.csv.gz", gzip.compress(b"2")),
        ("__MACOSX/._a.csv", b"hidden"),
        ("two/b.csv.zip", inner),
        ("two/d.tgz", tar),
    )
    expected = [
        (("one", "a.csv"), b"1"),
        (("one", "b.csv.gz"), b"2"),
        (("two", "b.csv"), b"3"),
        (("two", "d.csv"), b"5"),
        (("two", "deep", "c.csv.gz"), b"4"),
    ]
    assert sorted((file.path, file.content) for file in read_files(place)) == expected
    found = {(place.name, place.content) for place in Place(str(place)).members}
    assert found == {(path[-1].removesuffix(".gz"), content) for path, content in expected}


def test_a_path_may_lead_into_an_archive(tmp_path):
    inner = packed(zip_of, ("c.csv", b"text,label\nthree,x\n"))
    entries = ("one/a.csv", b"text,label\none,x\n"), ("one/b.csv", b"2"), ("c.csv.zip", inner)
    place = zip_of(tmp_path / "a.zip", *entries)
    assert [(file.path, file.content) for file in read_files(place / "one" / "b.csv")] == [(("b.csv",), b"2")]
    assert [file.path for file in read_files(place / "one")] == [("a.csv",), ("b.csv",)]
    assert [file.path for file in read_files(place / "c.csv", place / "one")][1:] == [
        ("one", "a.csv"),
        ("one", "b.csv"),
    ]
    assert read_files(place / "c.csv", place / "one")[0].path == ("c.csv",)
    [source] = open_sources(place / "one" / "a.csv")
    assert (source.path, [*source.lines()]) == (("a.csv",), ["text,label", "one,x"])
    assert Place(str(place / "c.csv")).alone.columns == ("text", "label")
    with pytest.raises(DataError, match=r"a\.zip/one/c\.csv: no such file in the archive; did you mean 'one/"):
        read_files(place / "one" / "c.csv")


def test_a_zip_of_one_text_is_read_like_the_text(tmp_path):
    place = zip_of(tmp_path / "a.ZIP", ("a.txt", "one\r\ntwo"), ("README.pdf", b"no text"))
    for path in (place, place / "a.txt"):
        assert "".join(TextSource.open(path).characters()) == "one\ntwo"
    with pytest.raises(DataError, match=r"b\.zip: no text in this archive; expected files ending in \.txt"):
        TextSource.open(zip_of(tmp_path / "b.zip", ("a.csv", b"1"), ("b.csv", b"1")))


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_members_that_expand_count_together(pack, tmp_path):
    half = gzip.compress(bytes(600 << 10))
    assert len(read_files(pack(tmp_path / "a.tar" if pack is tar_of else tmp_path / "a.zip", ("a.gz", half)))) == 1
    twice = packed(zip_of, ("b.gz", half))
    with pytest.raises(DataError, match=BOMB):
        read_files(pack(tmp_path / ("b.tar" if pack is tar_of else "b.zip"), ("a.gz", half), ("b.zip", twice)))


def encrypted():
    content = bytearray(packed(zip_of, ("a.csv", b"1")))
    content[6] |= 1  # in the member's own header
    content[content.index(b"PK\1\2") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (encrypted(), r"a\.zip: 'a\.csv' is encrypted; unpack it with its password"),
        (packed(zip_of, ("..\\a", b"1")), r"a\.zip: the path '\.\./a' leads out of the archive"),
        (packed(zip_of, ("a.7z", b"1")), r"a\.zip/a\.7z: \.7z is not read; unpack it"),
        (packed(zip_of, ("a.gz", b"text")), r"a\.zip/a\.gz: the compressed file is damaged or cut short"),
        (packed(zip_of, ("a.csv", b"one" * 99))[:-30], r"a\.zip: the archive is damaged or cut short"),
        (packed(zip_of, ("a.csv", b"1")).replace(b"\xb7\xef\xdc\x83", b"sums"), r"a\.zip: the archive is damaged"),
        (
            packed(zip_of, ("b.zip", packed(zip_of, ("c.zip", packed(zip_of, ("a.csv", b"1")))))),
            r"a\.zip/b\.zip/c\.zip: an archive in an archive in another; unpack it",
        ),
    ],
)
def test_a_zip_that_cannot_be_read_says_why(content, why, tmp_path):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=why):
        read_files(tmp_path / "a.zip")


def test_a_link_in_a_zip_is_left_out(tmp_path):
    soft = zipfile.ZipInfo("soft")
    soft.external_attr = 0o120777 << 16
    place = zip_of(tmp_path / "a.zip", (soft, "/etc/passwd"), ("/etc/one", b"1"))
    assert [(member.path, member.content) for member in members(place)] == [(("etc", "one"), b"1")]


def test_names_that_are_not_utf_8_are_text(tmp_path):
    place = tar_of(tmp_path / "a.tar", ("caf\udce9/1", b"1"))
    assert [file.path for file in read_files(place)] == [("caf\\xe9", "1")]


def test_a_file_that_needs_too_much_memory_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one")
    with pytest.raises(DataError, match=r"a\.txt: needs more memory than there is"), open_file(tmp_path / "a.txt"):
        raise MemoryError


@pytest.mark.parametrize("name", ["a.7z", "a.csv.ZST", "a.tar.bz2"])
@pytest.mark.parametrize("read", [read_files, open_vectors, lambda place: list(TextSource.open(place).raw())])
def test_other_compressions_are_named_with_those_that_are_read(name, read, tmp_path):
    (tmp_path / name).write_bytes(b"text")
    with pytest.raises(DataError, match=r"a\..* is not read; unpack it, or pack it anew as \.gz, \.xz"):
        read(tmp_path / name)


@pytest.mark.slow
@pytest.mark.parametrize(("ending", "form"), [("gz", gzip), ("xz", lzma)])
def test_ten_megabytes_that_expand_to_gigabytes_are_refused_in_little_memory(ending, form, tmp_path):
    stream = form.compress(bytes(64 << 20))
    place = tmp_path / f"a.csv.{ending}"
    place.write_bytes(stream * (10_000_000 // len(stream)))
    with at_most(1 << 30), pytest.raises(DataError, match="bytes to more than 49.,...,..., as bombs do"):
        read_files(place)

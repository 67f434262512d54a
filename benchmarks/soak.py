"""A service under clients of all kinds, for minutes: some write texts, and each text is compared with the one that the
model writes alone; others cut their connections, stall, send rubbish or flood. At the end nothing may be left: no
session, no file, no open connection, no memory that grows with the requests. An answer of 5xx is a fault.

    python benchmarks/soak.py                   # ten minutes
    python benchmarks/soak.py --seconds 60

The model is an LSTM after one step of training: it writes noise, which any mistake changes. Memory is looked at after a
third of the time and at the end.
"""

import argparse
import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from prometheus_client.parser import text_string_to_metric_families

import elman
from elman.serving.client import AsyncClient
from options import runs
from results import Table

SMOKE = ("--seconds 4 --writers 4 --hidden 8 --stall 2",)
TOKEN, FLOOD = "token-of-the-writers", "token-of-the-flood"
TEXT = "the cat sat on the mat, and the dog did not. " * 40
SETTLE = 60.0  # seconds in which connections that were given up may end


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--writers", type=int, default=24, help="clients that write texts at once")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--stall", type=float, default=5.0, help="seconds that the service waits for a client")
    for options in runs(parser, SMOKE):
        with tempfile.TemporaryDirectory() as folder:
            soak(Path(folder), options)


def soak(folder, options):
    task = elman.LanguageModelling(hidden_size=options.hidden, embedding_size=8, batch_size=4, unroll_length=16)
    model = elman.fit(task, task.read_text(TEXT), steps=1)
    model.save(folder / "soak.elman")
    (folder / "tokens").write_text(f"{TOKEN}\n{FLOOD}\n")
    command = [sys.executable, "-c", "from elman.cli.main import main; main()", "serve", str(folder / "soak.elman")]
    limits = ["--sessions", "40", "--idle-seconds", "2", "--stall-seconds", str(options.stall), "--rate", "300"]
    command += ["--port", "0", "--folder", str(folder / "kept"), "--token-file", str(folder / "tokens"), *limits]
    with open(folder / "log", "w") as log:
        service = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        address = service.stdout.readline().strip()
        assert address, (folder / "log").read_text()
        seen = asyncio.run(all_clients(address, model, options))
    finally:
        service.terminate()
        service.wait(60)
    left = [place for place in (folder / "kept").rglob("*") if place.is_file()]
    said = (folder / "log").read_text().splitlines()[1:]
    report(seen, options, files=len(left), said=said)


class Seen:
    """The observations of all clients."""

    def __init__(self):
        self.requests, self.characters, self.wrong = Counter[str](), Counter[str](), []
        self.statuses = Counter[int | str]()
        self.begin = self.middle = self.end = None


async def all_clients(address, model, options):
    seen = Seen()
    async with AsyncClient(address, token=TOKEN, timeout=120) as client:
        session = await client.begin("soak")
        await session.next(5)  # so that all is loaded that is loaded once
        await session.delete()
        seen.begin, ended = await measures(address), time.monotonic() + options.seconds
        kinds = [write] * options.writers + [cut] * 4 + [stall] * 4 + [rubbish] * 2 + [flood] * 2
        work = [repeat(kind, number, ended, seen, client, address, model) for number, kind in enumerate(kinds)]
        await asyncio.gather(*work, look(address, seen, options.seconds / 3))
        seen.end = await settled(address, seen.begin)
    return seen


async def repeat(kind, number, ended, seen, client, address, model):
    draw = random.Random(number)
    while time.monotonic() < ended:
        try:
            await kind(seen, client, address, model, draw)
        except elman.ServiceError as error:
            seen.statuses[error.status] += 1
            if error.status >= 500 or not error.status:
                seen.wrong.append(f"{kind.__name__}: {error}")
            await asyncio.sleep(0.1)
        seen.requests[kind.__name__] += 1


async def write(seen, client, address, model, draw):
    """Writes a text in pieces, with forks, saves and pauses between them, and compares it with the text alone."""
    seed, temperature = draw.randrange(2**32), draw.choice([0.5, 1.0, 1.5])
    prime = "".join(draw.choice("the cat") for _ in range(draw.randrange(1, 200)))
    session = await client.begin("soak", prime, seed=seed)
    alone, text = model.session(seed=seed), ""
    alone.feed(prime)
    try:
        for _ in range(draw.randrange(1, 6)):
            count = draw.randrange(1, 300)
            match draw.randrange(5):
                case 0:
                    await session.save()
                    text += await session.next(count, temperature=temperature)
                case 1:
                    fork = await session.fork()
                    await session.delete()
                    session = fork
                    text += await session.next(count, temperature=temperature)
                case 2:
                    state = await session.state()
                    await session.delete()
                    session = await client.begin("soak", state=state)
                    text += await session.next(count, temperature=temperature)
                case 3:
                    await asyncio.sleep(draw.random() * 4)  # idle: it goes to disk
                    text += await session.next(count, temperature=temperature)
                case _:
                    text += "".join([piece async for piece in session.stream(count, temperature=temperature)])
    finally:
        await free(session)
    expected = await asyncio.to_thread(alone.next, len(text), temperature=temperature)
    seen.characters["write"] += len(text)
    if text != expected:
        seen.wrong.append(f"write: seed {seed} has another text than alone")


async def cut(seen, client, address, model, draw):
    """Cuts off a stream, and goes on where the session says that it is."""
    seed = draw.randrange(2**32)
    session = await client.begin("soak", "the", seed=seed)
    pieces = session.stream(2000)
    async for _ in pieces:
        if draw.random() < 0.1:
            break
    await pieces.aclose()
    try:
        position = await until_free(session)
        text = await session.next(50)
    finally:
        await free(session)
    alone = model.session(seed=seed)
    alone.feed("the")
    seen.characters["cut"] += position
    if text != (await asyncio.to_thread(alone.next, position - 3 + 50))[position - 3 :]:
        seen.wrong.append(f"cut: seed {seed} goes on with another text than alone")


async def until_free(session):
    """The position of a session, once the service has noticed that nobody listens."""
    while True:
        try:
            return await session.position()
        except elman.ServiceError as error:
            if error.status not in (409, 429):
                raise
            await asyncio.sleep(0.02)


async def free(session):
    """Deletes a session, however often it takes."""
    while True:
        try:
            return await session.delete()
        except elman.ServiceError as error:
            if error.status not in (409, 429):
                raise
            await asyncio.sleep(0.05)


async def stall(seen, client, address, model, draw):
    """Sends half a request, or takes no answer, until the service ends the connection."""
    where = urlsplit(address)
    head = f"Authorization: Bearer {TOKEN}\r\nHost: {where.netloc}\r\n"
    half = [b"", b"GET /v1", f"POST /v1/models/soak/sessions HTTP/1.1\r\n{head}Content-Length: 50\r\n\r\n{{".encode()]
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(draw.choice(half))
    with contextlib.suppress(OSError):
        answer = await asyncio.wait_for(reader.read(), 120)
        note(seen, answer)
    writer.close()


async def rubbish(seen, client, address, model, draw):
    """Sends what is no request, or one that cannot be met."""
    where = urlsplit(address)
    bodies = [b"{", b"[]", b"\xff\xfe", b'{"input": 3}', b'{"temperature": -1}', b"x" * 2_000_000, b'{"count": 1e9}']
    paths = ["/v1/sessions/0/next", "/v1/models/soak/sessions", "/v1/completions", "/v1/models/soak/predict", "/%00"]
    if draw.random() < 0.5:
        body, head = draw.choice(bodies), f"Authorization: Bearer {TOKEN}\r\nHost: {where.netloc}\r\n"
        sent = f"POST {draw.choice(paths)} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    else:
        sent = draw.randbytes(draw.randrange(1, 5000))
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    with contextlib.suppress(OSError):
        writer.write(sent)
        writer.write_eof()
        note(seen, await asyncio.wait_for(reader.read(200), 120))
    writer.close()
    await asyncio.sleep(0.02)


def note(seen, answer):
    """Counts the status of an answer."""
    if answer.startswith(b"HTTP/1.1 "):
        status = int(answer[9:12])
        seen.statuses[status] += 1
        if status >= 500:
            seen.wrong.append(f"status {status}: {answer[:200]!r}")


async def flood(seen, client, address, model, draw):
    """Asks as fast as it can."""
    headers = {"authorization": f"Bearer {FLOOD}"}
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=120) as http:
        asked = (http.get("/v1/models") for _ in range(100))
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, httpx2.TransportError):  # too many connections at once: cut off
                seen.statuses["cut off"] += 1
                continue
            seen.statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                seen.wrong.append(f"flood: {answer.text[:200]}")
    await asyncio.sleep(0.2)


async def measures(address):
    """The sessions, open files and megabytes of the service, as its measures say them."""
    async with httpx2.AsyncClient(base_url=address, headers={"authorization": f"Bearer {TOKEN}"}, timeout=120) as http:
        answer = await http.get("/metrics")
        while answer.status_code == 429:
            await asyncio.sleep(0.2)
            answer = await http.get("/metrics")
    families = {one.name: one.samples for one in text_string_to_metric_families(answer.text)}
    return {
        "sessions": sum(one.value for one in families["elman_sessions"]),
        "open files": families["process_open_fds"][0].value,
        "megabytes": families["process_resident_memory_bytes"][0].value / 1e6,
    }


async def look(address, seen, seconds):
    await asyncio.sleep(seconds)
    seen.middle = await measures(address)


async def settled(address, begin):
    """The measures, once connections that were given up have ended."""
    ended = time.monotonic() + SETTLE
    while True:
        now = await measures(address)
        if (now["open files"] <= begin["open files"] and not now["sessions"]) or time.monotonic() > ended:
            return now
        await asyncio.sleep(0.5)


def report(seen, options, *, files, said):
    grown = seen.end["megabytes"] - seen.middle["megabytes"]
    with Table("soak-clients", {"client": "", "turns": ",", "characters checked": ","}, options) as table:
        for kind in (write, cut, stall, rubbish, flood):
            table.add(kind.__name__, seen.requests[kind.__name__], seen.characters[kind.__name__])
    with Table(
        "soak", {"of the service": "", "at the start": ",.0f", "at a third": ",.0f", "at the end": ",.0f"}, options
    ) as table:
        for name in seen.begin:
            table.add(name, seen.begin[name], seen.middle[name], seen.end[name])
        table.add("files", 0, None, files)
    statuses = sorted((str(status), count) for status, count in seen.statuses.items())
    print(f"\nstatuses: {', '.join(f'{status}: {count:,}' for status, count in statuses)}")
    faults = [*seen.wrong, *said]
    faults += [f"{seen.end['sessions']:.0f} sessions are left"] * bool(seen.end["sessions"])
    faults += [f"{files} files are left"] * bool(files)
    faults += ["open files are left"] * (seen.end["open files"] > seen.begin["open files"])
    faults += [f"the memory has grown by {grown:.0f} MB since a third of the time"] * (grown > 30 and not options.smoke)
    for fault in faults[:20]:
        print(f"fault: {fault}")
    if faults:
        sys.exit(f"{len(faults)} faults")
    print("no faults")


if __name__ == "__main__":
    main()

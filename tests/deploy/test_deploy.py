"""The container and the systemd unit start a service that this elman has: their options, addresses and rights."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from elman._config import fields
from elman.cli.serve import main
from elman.serving.app import ROUTES
from elman.serving.limits import Limits

ROOT = Path(__file__).parents[2]
DOCKERFILE, UNIT = ROOT / "deploy" / "Dockerfile", ROOT / "deploy" / "elman.service"
INSTRUCTIONS = {"FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK"}
INSTRUCTIONS |= {"ENTRYPOINT"}


def check_options(words):
    """That `elman serve` has the options among these words."""
    known = {*main.__annotations__, *fields(Limits)}
    named = [word.removeprefix("--").partition("=")[0].replace("-", "_") for word in words if word.startswith("--")]
    assert named
    assert set(named) <= known


def unit():
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # ty: ignore[invalid-assignment]
    parser.read_string(UNIT.read_text())
    return parser


def test_the_container_serves_as_a_user_without_rights():
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line and not line.startswith("#")]
    assert {line.split()[0] for line in lines} <= INSTRUCTIONS
    by_name = dict(line.split(maxsplit=1) for line in lines)
    assert by_name["USER"] == "elman"
    assert all(":" in line for line in lines if line.startswith("FROM"))
    command, serve, *words = json.loads(by_name["ENTRYPOINT"])
    assert (command, serve) == ("elman", "serve")
    check_options(words)
    assert words[words.index("--port") + 1] == by_name["EXPOSE"]
    assert words[words.index("--folder") + 1] == by_name["VOLUME"]
    check = json.loads(by_name["HEALTHCHECK"].partition(" CMD ")[2])
    compile(check[-1], "healthcheck", "exec")
    [path] = re.findall(rf"127\.0\.0\.1:{by_name['EXPOSE']}(/\w+)", check[-1])
    assert path in {one.path for one in ROUTES}


def test_the_unit_waits_for_the_sessions_and_hides_the_machine():
    service = unit()["Service"]
    program, serve, *words = shlex.split(service["ExecStart"])
    assert (Path(program).name, serve) == ("elman", "serve")
    check_options(words)
    assert words[words.index("--folder") + 1].startswith(f"/var/lib/{service['StateDirectory']}/")
    assert service["LoadCredential"].startswith("tokens:")
    assert int(service["TimeoutStopSec"]) >= 60
    assert (service["DynamicUser"], service["ProtectSystem"], service["NoNewPrivileges"]) == ("yes", "strict", "yes")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path):
    there = tmp_path / "elman"
    there.write_text("#!/bin/sh\n")
    there.chmod(0o755)
    place = tmp_path / "elman.service"
    place.write_text(UNIT.read_text().replace("/opt/elman/bin/elman", str(there)))
    done = subprocess.run(["systemd-analyze", "verify", str(place)], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "elman.service" in line] == []

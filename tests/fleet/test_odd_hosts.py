"""Single hosts that are odd in one way, from the command line over a real sshd: noise, other ways in, a wrong clock."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Said, autoglm_fix
from tests.hosts import Host, boot
from tests.hosts.needs import needs

STATE = "/var/tmp/autoglm-fix"
PLAYBOOK = """\
- name: A word
  hosts: all
  steps:
    - name: The word is there
      diagnose: {file: {path: "/srv/words/{{ word }}", content: "hello\\n"}}
      fix: {file: {}}
"""
# All that a terminal would obey, but for the end of a line.
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
# What runs under it takes the year for another one, and measures time as ever.
CLOCK = """\
#!/bin/sh
for clock in /usr/lib/*/faketime/libfaketimeMT.so.1; do :; done
export LD_PRELOAD=$clock FAKETIME={by} FAKETIME_DONT_FAKE_MONOTONIC=1
exec /usr/bin/python3 "$@"
"""
YEARS = {"late": "+3652d", "early": "-3652d"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with boot(tmp_path_factory.mktemp("host") / "gpu01", systemd=False) as host:
        host.write("/root/.bashrc", "")
        host.run("mkdir", "/srv/words")
        yield host


@pytest.fixture
def folder(host: Host, tmp_path: Path) -> Path:
    (tmp_path / "p.yml").write_text(PLAYBOOK)
    (tmp_path / "known_hosts").write_text(f"{host.address} {host.host_key}\n")
    return tmp_path


def inventory(folder: Path, host: Host, **variables: str) -> Path:
    common = f"-F none -o UserKnownHostsFile={folder}/known_hosts -o IdentitiesOnly=yes"
    known = {
        "ansible_host": host.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(host.key),
        "ansible_ssh_common_args": common,
        "autoglm_fix_state_dir": STATE,
        "service": {"name": "svc", "python": "/usr/bin/python3", "model": "/nowhere"},
        **variables,
    }
    file = folder / "hosts.yml"
    file.write_text(json.dumps({"all": {"hosts": {"gpu01": known}}}))
    return file


def run(folder: Path, hosts: Path, *options: str, word: str = "one") -> Said:
    return autoglm_fix("run", folder / "p.yml", "-i", hosts, "--no-verify", "-e", f"word={word}", *options)


@pytest.mark.slow
def test_what_an_rc_file_prints_is_told_to_whoever_wants_to_know_more(host: Host, folder: Path) -> None:
    hosts = inventory(folder, host)
    host.write(
        "/root/.bashrc", "printf 'Welcome \\033[31mto\\033[0m gpu01\\n{\\n'; nvidia-smy; printf 'pass s3cr3t-w0rd'\n"
    )
    (folder / "password").write_text("s3cr3t-w0rd")
    given = ("--dry-run", "--become-password-file", str(folder / "password"))
    quiet, said, told = (run(folder, hosts, *given, *more) for more in ((), ("-v",), ("--format", "jsonl")))
    host.write("/root/.bashrc", "")
    assert (quiet.code, said.code, told.code) == (0, 0, 0)
    assert "Welcome" not in quiet.out + quiet.err
    lines = said.out.splitlines()
    for line in ("gpu01: Welcome to gpu01", "gpu01: {"):
        assert lines.count(line) == 1, said.out
    assert len([line for line in lines if line.startswith("gpu01: ") and "nvidia-smy" in line]) == 1
    for each in (said, told):
        assert "s3cr3t-w0rd" not in each.out + each.err
        assert not CONTROL.search(each.out + each.err)
    events = [json.loads(line) for line in told.out.splitlines()]
    logged = [event["line"] for event in events if event["event"] == "log-line"]
    assert logged[:2] == ["Welcome to gpu01", "{"]


def test_a_way_in_that_only_ssh_knows_is_named_and_another_taken(host: Host, folder: Path) -> None:
    said = run(folder, inventory(folder, host, ansible_ssh_extra_args="-K -o GSSAPIDelegateCredentials=yes"), "-C")
    assert said.code == 0, said.err
    assert "'GSSAPIAuthentication' (gpu01) is for the system's own ssh: the other ways in are tried" in said.err


@pytest.mark.slow
@pytest.mark.parametrize(("way", "back"), [("late", "early"), ("early", "late")])
def test_a_host_may_be_ten_years_off_and_off_the_other_way_when_it_is_undone(
    host: Host, folder: Path, state_dir: Path, way: str, back: str
) -> None:
    needs("a wrong clock", ["faketime"])
    clock = "/usr/local/bin/clock"
    hosts = inventory(folder, host, ansible_python_interpreter=clock)
    host.write(clock, CLOCK.format(by=YEARS[way]), 0o755)
    year = host.run(clock, "-c", "import time; print(time.gmtime().tm_year)").stdout
    assert abs(int(year) - int(host.run("date", "+%Y").stdout)) >= 9
    first, second, third = (run(folder, hosts, "--format", "json", word=word) for word in ("one", "one", "two"))
    for said in (first, second, third):
        assert (said.code, said.document["counts"]) == (0, {"clean": 1}), said.out + said.err
        assert 0 <= said.document["hosts"]["gpu01"]["duration_s"] < 3600
    assert host.run("ls", "/srv/words").stdout == "one\ntwo\n"
    # It is set right, and too far.
    host.write(clock, CLOCK.format(by=YEARS[back]), 0o755)
    for left in ("one\n", ""):
        undone = autoglm_fix("undo", "--yes")
        assert (undone.code, host.run("ls", "/srv/words").stdout) == (0, left), undone.out + undone.err
    told = [line.split()[:2] for line in autoglm_fix("history").out.splitlines()]
    runs = [said.document["run"] for said in (first, second, third)]
    assert told == [[runs[0], "undone"], [runs[1], "looked"], [runs[2], "undone"]]
    assert year.strip() not in autoglm_fix("report", runs[0]).out

"""fetch_file: a file comes whole and checked, or the old one stays."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import random
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.changes import CannotChange, from_wire, to_wire, transfer
from autoglm_fix.agent.changes.fetch_file import FetchFile
from autoglm_fix.agent.changes.keep import Inverse, keep, put_back, replace
from autoglm_fix.agent.context import Context
from tests.file_server import FileServer, serving

MIB = 1 << 20
NAME = "model-00002-of-00005.safetensors"


def safetensors(seed: int, size: int) -> bytes:
    """A whole file of that size with one tensor of random bytes."""
    count = size - 128
    header = json.dumps({"x": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}}).encode().ljust(120)
    return len(header).to_bytes(8, "little") + header + random.Random(seed).randbytes(count)


WHOLE = safetensors(7, 5 * MIB + 123)
SHA = hashlib.sha256(WHOLE).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


class Hurried:
    """Time as it passes, but for those that sleep over it."""

    monotonic = staticmethod(time.monotonic)

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.05))


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody rests between two attempts, however long the patience."""
    monkeypatch.setattr(transfer, "time", Hurried())


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({f"/{NAME}": WHOLE}) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    target = folder / NAME
    target.write_bytes(WHOLE[:MIB])
    target.chmod(0o640)
    return target


def fetch(target: Path, server: FileServer, **more: Any) -> FetchFile:
    values = {"size": len(WHOLE), "sha256": SHA, "patience": 60.0, **more}
    return FetchFile(path=str(target), source=f"{server.url}/{NAME}", **values)


def staged(change: FetchFile) -> bytes:
    """What the change would put in place; asserts that nothing else is left beside it."""
    path = change.path + ".new"
    change.stage(Context(), path)
    content = Path(path).read_bytes()
    os.unlink(path)
    assert os.listdir(os.path.dirname(path)) == [os.path.basename(change.path)]
    return content


def refusal(change: FetchFile) -> CannotChange:
    """Why the change fails; asserts that the old file is as it was."""
    old = Path(change.path).read_bytes()
    with pytest.raises(CannotChange) as caught:
        change.stage(Context(), change.path + ".new")
    assert Path(change.path).read_bytes() == old
    assert not os.path.exists(change.path + ".new")
    return caught.value


def test_it_brings_the_whole_file_with_the_mode_of_the_old_one(target: Path, server: FileServer) -> None:
    change = fetch(target, server)
    change.stage(Context(), f"{target}.new")
    assert Path(f"{target}.new").read_bytes() == WHOLE
    assert os.stat(f"{target}.new").st_mode & 0o777 == 0o640
    assert server.sent == len(WHOLE)


def test_it_travels_as_plain_values(target: Path, server: FileServer) -> None:
    change = fetch(target, server)
    assert from_wire(json.loads(json.dumps(to_wire(change)))) == change


def test_kept_staged_replaced_and_put_back_to_the_byte(target: Path, server: FileServer, tmp_path: Path) -> None:
    change = fetch(target, server)
    run = tmp_path / "journal"
    run.mkdir()
    before = (target.read_bytes(), target.stat().st_ino, target.stat().st_mtime_ns)
    inverse = Inverse(change.path, f"{target}.new", keep(change.path, str(run), "0"))
    change.stage(Context(), inverse.staged)
    replace(inverse)
    assert target.read_bytes() == WHOLE
    put_back(inverse)
    assert (target.read_bytes(), target.stat().st_ino, target.stat().st_mtime_ns) == before
    assert sorted(os.listdir(target.parent)) == [NAME]


@pytest.mark.parametrize(
    "known", [{}, {"sha256": None}, {"sha256": None, "size": None}], ids=["digest", "size", "none"]
)
def test_a_connection_cut_in_the_middle_is_taken_up_where_it_broke(
    target: Path, server: FileServer, known: dict[str, None]
) -> None:
    server.cuts = [2 * MIB, MIB + 17, 2]
    assert staged(fetch(target, server, **known)) == WHOLE
    assert server.sent == len(WHOLE)


def test_an_interrupted_fetch_goes_on_in_the_next_run(target: Path, server: FileServer) -> None:
    change = fetch(target, server)
    server.cuts = [3 * MIB] + [0] * 10
    assert "3145728 bytes are kept" in str(refusal(change))
    assert os.path.getsize(change.partial) == 3 * MIB
    server.cuts, server.sent = [], 0
    assert staged(change) == WHOLE
    assert server.sent == len(WHOLE) - 3 * MIB


def test_a_fetch_that_was_all_there_needs_no_byte_more(target: Path, server: FileServer) -> None:
    change = fetch(target, server)
    Path(change.partial).write_bytes(WHOLE)
    assert staged(change) == WHOLE
    assert server.requests == []


def test_without_digest_or_entity_an_earlier_runs_bytes_are_not_used(target: Path, server: FileServer) -> None:
    change = fetch(target, server, sha256=None)
    Path(change.partial).write_bytes(b"of another file")
    assert staged(change) == WHOLE


@pytest.mark.parametrize("knows", ["no ranges", "no ranges, no lengths", "no validators"])
def test_a_simple_server_sends_all_of_it_again(target: Path, server: FileServer, knows: str) -> None:
    server.ranges = "no ranges" not in knows
    server.lengths = "no lengths" not in knows
    server.etags = "no validators" not in knows
    server.cuts = [2 * MIB]
    assert staged(fetch(target, server, sha256=SHA if server.etags else None)) == WHOLE
    assert server.sent == len(WHOLE) + 2 * MIB


def test_a_file_that_changed_on_the_server_is_fetched_anew(target: Path, server: FileServer) -> None:
    other = safetensors(8, len(WHOLE))
    change = fetch(target, server, sha256=None, etag='"of-the-plan"')
    Path(change.partial).write_bytes(WHOLE[:MIB])
    server.files[f"/{NAME}"] = other
    assert staged(change) == other


def test_spoilt_bytes_of_an_earlier_run_cost_a_second_fetch_only(target: Path, server: FileServer) -> None:
    change = fetch(target, server)
    Path(change.partial).write_bytes(bytes(2 * MIB))
    assert staged(change) == WHOLE
    assert server.sent == 2 * len(WHOLE) - 2 * MIB


@pytest.mark.parametrize(
    ("known", "content", "says"),
    [
        ({}, bytes(len(WHOLE)), "its digest is"),
        ({}, WHOLE[:-1], "has 5243002 bytes, 5243003 were planned"),
        ({"size": None}, WHOLE[:-1], "its digest is"),
        ({"sha256": None, "git_oid": "0" * 40}, WHOLE, "its digest is"),
        ({"sha256": None, "size": None}, b"version https://git-lfs.github.com/spec/v1\n", "Git-LFS pointer"),
        ({"sha256": None, "size": None}, b"\n<!DOCTYPE html><p>Sign in", "a web page"),
        ({"sha256": None}, bytes(len(WHOLE) - 1) + b"x", "header"),
        ({"sha256": None, "size": None}, WHOLE[:MIB], "the very bytes"),
    ],
    ids=["wrong bytes", "wrong size", "wrong digest", "wrong git id", "pointer", "web page", "no header", "the same"],
)
def test_a_wrong_file_replaces_nothing_and_leaves_nothing(
    target: Path, server: FileServer, known: dict[str, Any], content: bytes, says: str
) -> None:
    server.files[f"/{NAME}"] = content
    assert says in str(refusal(fetch(target, server, **known)))
    assert os.listdir(target.parent) == [NAME]


@pytest.mark.parametrize(("name", "says"), [("config.json", "not JSON"), ("model.gguf", "GGUF")])
def test_a_file_without_a_digest_must_be_what_its_name_says(
    target: Path, server: FileServer, name: str, says: str
) -> None:
    server.files[f"/{NAME}"] = b"something else"
    assert says in str(refusal(fetch(target.rename(target.with_name(name)), server, sha256=None, size=None)))


def test_a_small_file_is_checked_by_the_id_that_git_gives_it(target: Path, server: FileServer) -> None:
    server.files[f"/{NAME}"] = b"hello\n"  # the id is that of `echo hello | git hash-object --stdin`
    known = {"sha256": None, "size": None, "git_oid": "ce013625030ba8dba906f756967f9e9ca394464a"}
    assert staged(fetch(target, server, **known)) == b"hello\n"


def test_a_server_that_falls_silent_ends_it_and_the_bytes_are_kept(target: Path, server: FileServer) -> None:
    server.stall_after = MIB
    change = fetch(target, server, patience=3.0)
    problem = refusal(change)
    assert "sends nothing" in str(problem)
    assert "go on from there" in problem.hint
    assert os.path.getsize(change.partial) == MIB


@pytest.mark.parametrize(
    ("status", "hint"), [(404, ""), (401, "HF_TOKEN"), (403, "licence"), (410, ""), (307, "")], ids=str
)
def test_a_refusal_is_final(target: Path, server: FileServer, status: int, hint: str) -> None:
    server.statuses[f"/{NAME}"] = [status] * 3
    problem = refusal(fetch(target, server))
    assert str(status) in str(problem)
    assert hint in problem.hint
    assert len(server.requests) == 1
    assert os.listdir(target.parent) == [NAME]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_with_a_bad_moment_is_asked_again(target: Path, server: FileServer, status: int) -> None:
    server.statuses[f"/{NAME}"] = [status]
    assert staged(fetch(target, server)) == WHOLE


def test_nobody_listening_is_said(target: Path) -> None:
    with serving() as gone:
        change = fetch(target, gone)
    assert "Connection refused" in str(refusal(change))
    assert os.listdir(target.parent) == [NAME]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(target: Path, server: FileServer, status: int) -> None:
    server.redirect_status = status
    server.redirects[f"/{NAME}"] = "/elsewhere"
    server.files["/elsewhere"] = WHOLE
    server.cuts = [2 * MIB]
    assert staged(fetch(target, server)) == WHOLE
    assert server.sent == len(WHOLE)


@pytest.mark.parametrize("to", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:text/plain,x", "//"])
def test_redirects_elsewhere_are_not(target: Path, server: FileServer, to: str) -> None:
    server.redirects[f"/{NAME}"] = to
    refusal(fetch(target, server, size=None, sha256=None))


@pytest.mark.parametrize(
    "source", ["ftp://127.0.0.1/x", "file:///etc/hostname", "relative/path", "http://", "http:///x"]
)
def test_other_addresses_are_no_source(target: Path, source: str) -> None:
    refusal(FetchFile(path=str(target), source=source))


def test_the_limit_holds_on_the_way(target: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(transfer, "time", clock)
    assert staged(fetch(target, server, limit=MIB)) == WHOLE
    assert clock.now >= len(WHOLE) / MIB
    local = target.parent.parent / NAME
    local.write_bytes(WHOLE)
    clock.now = 0.0
    staged(FetchFile(path=str(target), source=str(local), limit=MIB))
    assert clock.now >= len(WHOLE) / MIB


class Clock:
    """Time that passes only where somebody sleeps."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_progress_is_told_to_the_last_byte(target: Path, server: FileServer) -> None:
    events: list[dict[str, Any]] = []
    fetch(target, server).stage(Context(emit=events.append), f"{target}.new")
    last = {event["what"]: (event["done"], event["total"]) for event in events}
    assert last == {NAME: (len(WHOLE), len(WHOLE)), f"checking {NAME}": (len(WHOLE), len(WHOLE))}


# Files of the host


@pytest.mark.parametrize("shares", [True, False], ids=["kernel copy", "plain copy"])
@pytest.mark.parametrize("content", [WHOLE, b""], ids=["large", "empty"])
def test_a_local_file_is_copied(target: Path, content: bytes, shares: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shares:
        monkeypatch.delattr(os, "copy_file_range")
    mirror = target.parent.parent / NAME
    mirror.write_bytes(content)
    sha = hashlib.sha256(content).hexdigest()
    assert staged(FetchFile(path=str(target), source=str(mirror), size=len(content), sha256=sha)) == content


def test_a_local_file_that_is_not_the_planned_one_replaces_nothing(target: Path) -> None:
    mirror = target.parent.parent / NAME
    mirror.write_bytes(WHOLE[:-1] + b"!")
    assert "its digest is" in str(refusal(FetchFile(path=str(target), source=str(mirror), sha256=SHA)))
    assert os.listdir(target.parent) == [NAME]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path, target: None, "No such file"),
        (lambda path, target: path.mkdir(), "is not a file"),
        (lambda path, target: os.mkfifo(path), "is not a file"),
        (lambda path, target: path.symlink_to(target), "the very file"),
        (lambda path, target: path.write_bytes(b"x"), "has 1 bytes"),
    ],
    ids=["missing", "folder", "fifo", "itself", "another size"],
)
def test_a_useless_local_source_is_seen_before_anything_is_done(target: Path, make: Any, says: str) -> None:
    mirror = target.parent.parent / "mirror"
    make(mirror, target)
    change = FetchFile(path=str(target), source=str(mirror), size=MIB)
    problem = change.preview(Context()).problem
    assert problem is not None
    assert says in problem
    assert says in str(refusal(change))


# What could be planted or in the way


def test_a_link_planted_at_the_partial_name_is_not_followed(target: Path, server: FileServer, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    change = fetch(target, server)
    os.symlink(victim, change.partial)
    assert staged(change) == WHOLE
    assert victim.read_bytes() == b"precious"


def test_what_is_left_of_another_fetch_for_the_path_goes_with_the_next_success(
    target: Path, server: FileServer
) -> None:
    Path(fetch(target, server, sha256="0" * 64).partial).write_bytes(b"of another revision")
    assert staged(fetch(target, server)) == WHOLE


def test_two_fetches_of_one_file_do_not_mix(target: Path, server: FileServer) -> None:
    change = fetch(target, server)
    with open(change.partial, "wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "another fetch" in str(refusal(change))
    assert server.requests == []


def test_the_preview_says_what_would_come_from_where(target: Path, server: FileServer) -> None:
    seen = fetch(target, server).preview(Context())
    assert seen.problem is None
    assert seen.diff.splitlines() == [
        "-1048576 bytes",
        f"+5243003 bytes from {server.url}/{NAME}, sha256 {SHA}",
    ]
    assert server.requests == []
    assert os.listdir(target.parent) == [NAME]


def test_the_preview_of_a_new_file_nobody_vouches_for(tmp_path: Path) -> None:
    change = FetchFile(path=str(tmp_path / "a" / "b" / "tokenizer.json"), source="http://mirror/tokenizer.json")
    seen = change.preview(Context())
    assert seen.problem is None
    assert seen.diff == "+of unknown size from http://mirror/tokenizer.json"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small filesystem takes root to mount")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_all_fetches_of_a_plan_must_fit_together(small_disk: Path, server: FileServer) -> None:
    ctx = Context()
    first, second = (fetch(small_disk / name, server) for name in ("a", "b"))
    assert first.preview(ctx).problem is None
    assert first.preview(ctx).problem is None
    problem = second.preview(ctx).problem
    assert problem is not None
    assert "10.0 MiB are needed" in problem


def test_a_file_too_large_for_its_disk_is_told_with_what_to_do(small_disk: Path, server: FileServer) -> None:
    large = dataclasses.replace(fetch(small_disk / "a", server), size=9 << 20)
    preview = large.preview(Context())
    assert preview.problem is not None and "9.0 MiB are needed" in preview.problem
    assert preview.hint == f"Make room there (df -h {small_disk}), then run again."
    with pytest.raises(CannotChange) as told:
        large.stage(Context(), str(small_disk / "staged"))
    assert told.value.hint == preview.hint


def test_what_an_earlier_run_fetched_needs_no_space_again(small_disk: Path, server: FileServer) -> None:
    change = fetch(small_disk / NAME, server)
    Path(change.partial).write_bytes(WHOLE[: 5 * MIB])
    assert change.preview(Context()).problem is None
    (small_disk / NAME).write_bytes(b"old")
    assert staged(change) == WHOLE


def test_a_disk_that_fills_up_gets_its_space_back(small_disk: Path, server: FileServer) -> None:
    target = small_disk / NAME
    target.write_bytes(bytes(6 * MIB))
    for source in (f"{server.url}/{NAME}", str(small_disk / "mirror")):
        if source.startswith("/"):
            (small_disk.parent / "big").write_bytes(WHOLE)
            os.symlink(small_disk.parent / "big", source)
        change = FetchFile(path=str(target), source=source)
        assert "No space left" in str(refusal(change)) or "are needed" in str(refusal(change))
        assert not os.path.exists(change.partial)


def test_a_read_only_folder_is_said_before_anything_is_fetched(small_disk: Path, server: FileServer) -> None:
    (small_disk / NAME).write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    change = fetch(small_disk / NAME, server)
    problem = change.preview(Context()).problem
    assert problem is not None
    assert "read-only" in problem
    refusal(change)
    assert server.requests == []


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    argv += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(tmp_path / "cert.pem")]
    try:
        subprocess.run(argv, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    path.write_text(path.read_text() + (tmp_path / "cert.pem").read_text())
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[FileServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving({f"/{NAME}": WHOLE}, context) as running:
        yield running


def test_an_unknown_certificate_is_refused(target: Path, secure: FileServer) -> None:
    problem = refusal(fetch(target, secure))
    assert "is not trusted" in str(problem)
    assert "SSL_CERT_FILE" in problem.hint


def test_a_known_certificate_is_taken(
    target: Path, secure: FileServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert staged(fetch(target, secure)) == WHOLE


def test_a_redirect_never_leads_from_https_to_http(
    target: Path, secure: FileServer, server: FileServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secure.redirects[f"/{NAME}"] = f"{server.url}/{NAME}"
    assert "redirects to http" in str(refusal(fetch(target, secure)))
    assert server.requests == []


def test_a_token_is_shown_to_its_own_server_over_https_only(
    target: Path, secure: FileServer, server: FileServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    secure.redirects[f"/{NAME}"] = "/renamed"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving({"/cdn": WHOLE}, context) as cdn:
        secure.redirects["/renamed"] = f"{cdn.url}/cdn"
        assert staged(fetch(target, secure, auth="hf")) == WHOLE
        tokens = [[headers.get("Authorization") for _, _, headers in each.requests] for each in (secure, cdn)]
    assert tokens == [["Bearer hf_secret"] * 2, [None]]
    staged(fetch(target, server, auth="hf"))
    staged(fetch(target, server))
    assert all("Authorization" not in headers for _, _, headers in server.requests)

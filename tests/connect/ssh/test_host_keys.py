"""Host keys: known_hosts is read as ssh reads it, and no stranger is let near a login."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import fcntl
import os
import shutil
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from autoglm_fix.connect import NotConnected
from autoglm_fix.connect.ssh.algorithms import agree
from autoglm_fix.connect.ssh.certificates import objection
from autoglm_fix.connect.ssh.host_keys import HostKeys
from autoglm_fix.connect.ssh.known_hosts import KnownHosts
from autoglm_fix.connect.ssh.settings import Beyond, SshSettings
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.hosts import Host, boot

KINDS = ("ed25519", "ecdsa", "rsa")
pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="there is no ssh-keygen to make keys with")
CERTIFIED = {"good": 2201, "stranger": 2202, "other-name": 2203, "expired": 2204, "user": 2205, "sha1": 2206}


def keygen(*argv: str | Path) -> str:
    return subprocess.run(["ssh-keygen", "-q", *argv], check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys as hosts have them (two of a kind), authorities, and certificates by them."""
    folder = tmp_path_factory.mktemp("keys")
    for kind in KINDS:
        for number in (1, 2):
            bits = ["-b", "2048"] if kind == "rsa" else []
            keygen("-t", kind, *bits, "-N", "", "-C", "a comment", "-f", folder / f"{kind}{number}")
    for name in ("authority", "nobody"):
        keygen("-t", "ed25519", "-N", "", "-f", folder / name)
    keygen("-t", "rsa", "-b", "2048", "-N", "", "-f", folder / "old-authority")
    signings: dict[str, list[str]] = {
        "good": ["-h", "-n", "gpu01,*.example.com"],
        "other-name": ["-h", "-n", "gpu02"],
        "expired": ["-h", "-n", "gpu01", "-V", "20200101:20200102"],
        "user": ["-n", "gpu01"],
        "stranger": ["-h", "-n", "gpu01"],
        "sha1": ["-h", "-n", "gpu01", "-t", "ssh-rsa"],
    }
    by = {"stranger": "nobody", "sha1": "old-authority"}
    for name, options in signings.items():
        shutil.copy(folder / "ed255191", folder / name)
        shutil.copy(folder / "ed255191.pub", folder / f"{name}.pub")
        keygen("-s", folder / by.get(name, "authority"), "-I", "a host", *options, folder / f"{name}.pub")
    return folder


def public(path: Path) -> str:
    """A public key as known_hosts has it, without its comment."""
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


def key(path: Path) -> paramiko.PKey:
    kind, text = public(path).split()
    return paramiko.PKey.from_type_string(kind, base64.b64decode(text))


def settings(known_hosts: Path | None = None, **changes: Any) -> SshSettings:
    files = (str(known_hosts),) if known_hosts else ()
    usual = SshSettings("gpu01", "gpu01", 22, "root", host_key_name="gpu01", known_hosts=files)
    return dataclasses.replace(usual, **changes)


def refusal(wanted: SshSettings, shown: paramiko.PKey) -> NotConnected:
    with pytest.raises(NotConnected) as caught:
        HostKeys().accepted(wanted, shown)
    in_words(caught.value)
    return caught.value


def in_words(error: NotConnected) -> list[str]:
    said = [
        Catalogue(language).part(error.code, part, error.values)
        for language in LANGUAGES
        for part in ("summary", "advice")
    ]
    assert all(said)
    return said


# --- reading


LINES = [
    "gpu01 {ed25519}",
    "gpu01,10.0.0.1,GPU02.example.com {ed25519} with a comment",
    "*.example.com,!gpu03.example.com {ed25519}",
    "gpu0?,!gpu03 {ed25519}",
    "[gpu01]:2222,[10.0.0.1]:2222 {ed25519}",
    "# gpu01 {ed25519}",
    "",
    "   gpu05\t{ed25519}",
    "gpu06 ssh-ed25519 AAAAnonsense",
    "gpu06 ssh-rsa {blob}",
    "gpu06 1024 35 12345",
    "gpu06",
    "@cert-authority *.example.com {ed25519}",
    "@revoked gpu01 {ed25519}",
    "@something gpu01 {ed25519}",
    "{hashed:gpu07} {ed25519}",
    "{hashed:[gpu07]:2222} {ed25519}",
    "{hashed:10.0.0.7} {rsa} and a comment",
    "|1|broken|hash= {ed25519}",
    "2001:db8::1 {ecdsa}",
]
NAMES = ["gpu01", "gpu02.example.com", "gpu03.example.com", "gpu03", "gpu05", "gpu06", "gpu07", "[gpu07]:2222",
         "[gpu01]:2222", "10.0.0.1", "10.0.0.7", "2001:db8::1", "nobody", "a.b.example.com"]  # fmt: skip


@pytest.fixture(scope="module")
def known_hosts(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("known")
    values = {kind: public(keys / f"{kind}1") for kind in KINDS}
    text = []
    for line in LINES:
        if line.startswith("{hashed:"):
            name, _, rest = line.removeprefix("{hashed:").partition("}")
            plain = folder / "plain"
            plain.write_text(f"{name} {values['ed25519']}\n")
            keygen("-H", "-f", plain)
            line = plain.read_text().split()[0] + rest
        text.append(line.format(**values, blob=values["ed25519"].split()[1]))
    file = folder / "known_hosts"
    file.write_text("\n".join(text))  # the last line without its end
    return file


@pytest.mark.parametrize("name", NAMES)
def test_lines_are_found_as_ssh_keygen_finds_them(known_hosts: Path, name: str) -> None:
    done = subprocess.run(["ssh-keygen", "-F", name, "-f", known_hosts], capture_output=True, text=True, timeout=20)
    expected = [int(line.split()[5]) for line in done.stdout.splitlines() if line.startswith("# Host")]
    found = KnownHosts(str(known_hosts)).look_up(name)
    # What it prints beside are lines whose key nobody can read.
    unreadable = {9, 10, 11}
    assert [known.line for known in found] == [line for line in expected if line not in unreadable]


# --- judging


@pytest.mark.parametrize("kind", KINDS)
def test_a_known_key_is_accepted(keys: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "known").write_text(f"gpu01 {public(keys / f'{kind}1')}\n")
    HostKeys().accepted(settings(tmp_path / "known"), key(keys / f"{kind}1"))
    HostKeys().accepted(settings(global_known_hosts=(str(tmp_path / "known"),)), key(keys / f"{kind}1"))


def test_an_unknown_host_is_refused_with_its_fingerprint(keys: Path, tmp_path: Path) -> None:
    error = refusal(settings(tmp_path / "absent"), key(keys / "ed255191"))
    assert error.code == "host-key.unknown"
    assert error.values["shown"] == keygen("-lf", keys / "ed255191.pub").split()[1]
    assert not (tmp_path / "absent").exists()


def test_a_changed_key_is_refused_with_both_fingerprints_and_the_command(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "known hosts"
    known.write_text(f"\ngpu02 {public(keys / 'ed255192')}\ngpu01 {public(keys / 'ed255191')}\n")
    before = known.read_bytes()
    for strict in ("yes", "accept-new"):
        error = refusal(settings(known, strict=strict), key(keys / "ed255192"))
        assert error.code == "host-key.changed"
        said = "".join(in_words(error))
        assert keygen("-lf", keys / "ed255191.pub").split()[1] in said
        assert keygen("-lf", keys / "ed255192.pub").split()[1] in said
        assert f"{known}:3" in said
        assert f"`ssh-keygen -f '{known}' -R gpu01`" in said
    assert known.read_bytes() == before


def test_a_host_known_by_one_kind_of_key_is_not_taken_with_another(keys: Path, tmp_path: Path) -> None:
    (tmp_path / "known").write_text(f"gpu01 {public(keys / 'ed255191')}\n")
    error = refusal(settings(tmp_path / "known", strict="accept-new"), key(keys / "rsa1"))
    assert (error.code, error.values["kind"], error.values["known_kind"]) == ("host-key.other-kind", "RSA", "ED25519")


def test_a_port_of_its_own_has_keys_of_its_own(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    wanted = settings(known, port=2222, host_key_name="[gpu01]:2222")
    known.write_text(f"gpu01 {public(keys / 'ed255191')}\n")
    HostKeys().accepted(wanted, key(keys / "ed255191"))  # the host's own key, on another port
    assert refusal(wanted, key(keys / "ed255192")).code == "host-key.unknown"
    known.write_text(f"gpu01 {public(keys / 'ed255191')}\n[gpu01]:2222 {public(keys / 'ed255192')}\n")
    HostKeys().accepted(wanted, key(keys / "ed255192"))
    assert refusal(wanted, key(keys / "ed255191")).code == "host-key.changed"


def test_a_revoked_key_is_refused_though_it_is_known(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(f"gpu01 {public(keys / 'ed255191')}\n@revoked * {public(keys / 'ed255191')}\n")
    assert refusal(settings(known), key(keys / "ed255191")).code == "host-key.revoked"
    known.write_text(f"gpu01 {public(keys / 'ed255191')}\n")
    listed = settings(known, revoked_keys=str(keys / "ed255191.pub"))
    assert refusal(listed, key(keys / "ed255191")).code == "host-key.revoked"
    keygen("-k", "-f", tmp_path / "krl", keys / "ed255192.pub")
    assert refusal(settings(known, revoked_keys=str(tmp_path / "krl")), key(keys / "ed255191")).code == (
        "ssh.needs-openssh"
    )
    absent = settings(known, revoked_keys=str(tmp_path / "absent"))
    assert refusal(absent, key(keys / "ed255191")).code == "host-key.unreadable"


def test_what_ssh_would_ask_elsewhere_is_named(keys: Path, tmp_path: Path) -> None:
    wanted = settings(tmp_path / "none", beyond=(Beyond("KnownHostsCommand", "/c", 3),))
    assert refusal(wanted, key(keys / "ed255191")).code == "ssh.needs-openssh"


def test_the_kinds_that_are_known_are_asked_for_first(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(f"gpu01 {public(keys / 'rsa1')}\ngpu01 {public(keys / 'ecdsa1')}\n")
    wanted = HostKeys().preferred_algorithms(settings(known))
    assert wanted[:3] == ("ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
    assert "ssh-ed25519" in wanted
    assert HostKeys().preferred_algorithms(settings(known, host_key_algorithms="ssh-ed25519,rsa-sha2-256")) == (
        "rsa-sha2-256",
        "ssh-ed25519",
    )
    known.write_text(f"@cert-authority gpu* {public(keys / 'authority')}\n")
    assert HostKeys().preferred_algorithms(settings(known))[0] == "ssh-ed25519-cert-v01@openssh.com"


# --- noting


def test_a_new_host_is_noted_at_the_end_and_no_line_is_lost(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(f"# mine\nbroken line\ngpu02 {public(keys / 'rsa1')}")  # without an end
    before = known.read_text()
    HostKeys().accepted(settings(known, strict="accept-new"), key(keys / "ed255191"))
    assert known.read_text() == f"{before}\ngpu01 {public(keys / 'ed255191')}\n"
    HostKeys().accepted(settings(known), key(keys / "ed255191"))
    assert refusal(settings(known, strict="accept-new"), key(keys / "ed255192")).code == "host-key.changed"


def test_a_file_that_is_made_is_for_its_owner_alone(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "home/.ssh/known_hosts"
    HostKeys().accepted(settings(known, strict="accept-new"), key(keys / "ed255191"))
    assert stat.S_IMODE(known.stat().st_mode) == 0o600
    assert stat.S_IMODE(known.parent.stat().st_mode) == 0o700


def test_a_noted_name_is_hashed_where_that_is_wanted(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    wanted = settings(known, strict="accept-new", hash_known_hosts=True, host_key_name="[gpu01]:2222", port=2222)
    HostKeys().accepted(wanted, key(keys / "ed255191"))
    assert known.read_text().startswith("|1|")
    assert "gpu01" not in known.read_text()
    assert subprocess.run(["ssh-keygen", "-F", "[gpu01]:2222", "-f", known], capture_output=True, timeout=20).stdout


def test_nowhere_to_note_it(keys: Path, tmp_path: Path) -> None:
    HostKeys().accepted(settings(Path("/dev/null"), strict="accept-new"), key(keys / "ed255191"))
    HostKeys().accepted(settings(strict="accept-new"), key(keys / "ed255191"))
    (tmp_path / "file").write_text("")
    wanted = settings(tmp_path / "file/known_hosts", strict="accept-new")
    assert refusal(wanted, key(keys / "ed255191")).code == "host-key.not-noted"


def test_what_another_run_has_noted_meanwhile_counts(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    wanted = settings(known, strict="accept-new")
    mine = HostKeys()
    mine.preferred_algorithms(wanted)
    HostKeys().accepted(wanted, key(keys / "ed255191"))
    with pytest.raises(NotConnected) as caught:
        mine.accepted(wanted, key(keys / "ed255192"))
    assert caught.value.code == "host-key.changed"
    assert known.read_text().count("gpu01") == 1


def test_runs_and_threads_that_note_at_once_lose_nothing(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    runs = [HostKeys() for _ in range(4)]

    def note(run: HostKeys) -> None:
        for number in range(40):
            run.accepted(settings(known, strict="accept-new", host_key_name=f"gpu{number:02}"), key(keys / "ed255191"))

    threads = [threading.Thread(target=note, args=(run,)) for run in runs for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    lines = known.read_text().splitlines()
    assert sorted(lines) == [f"gpu{number:02} {public(keys / 'ed255191')}" for number in range(40)]


def waited_for(locked: int) -> None:
    """Return when somebody waits for the lock on this open file, or after 30 s."""
    inode, latest = os.fstat(locked).st_ino, time.monotonic() + 30
    while time.monotonic() < latest:
        lines = Path("/proc/locks").read_text().splitlines()
        if any(" -> " in line and f":{inode} " in line for line in lines):
            return
        time.sleep(0.01)


def test_a_note_waits_for_that_of_another_run(keys: Path, tmp_path: Path) -> None:
    known = tmp_path / "known"
    found: list[NotConnected] = []

    def note() -> None:
        try:
            HostKeys().accepted(settings(known, strict="accept-new"), key(keys / "ed255192"))
        except NotConnected as error:
            found.append(error)

    with known.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        thread = threading.Thread(target=note)
        thread.start()
        waited_for(other.fileno())
        other.write(f"gpu01 {public(keys / 'ed255191')}\n")
    thread.join(10)
    assert [error.code for error in found] == ["host-key.changed"]
    assert known.read_text() == f"gpu01 {public(keys / 'ed255191')}\n"


# --- against a real sshd


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Iterator[Host]:
    """An sshd with keys of three kinds, and others, each with a certificate."""
    with boot(tmp_path_factory.mktemp("hosts") / "gpu01", systemd=False) as host:
        for port, names in {
            2200: [f"{kind}1" for kind in KINDS],
            **{port: [name] for name, port in CERTIFIED.items()},
        }.items():
            config = f"Port {port}\nPidFile none\n"
            for name in names:
                host.write(f"/etc/ssh/{name}", (keys / name).read_text(), 0o600)
                config += f"HostKey /etc/ssh/{name}\n"
                if name in CERTIFIED:
                    host.write(f"/etc/ssh/{name}-cert.pub", (keys / f"{name}-cert.pub").read_text())
                    config += f"HostCertificate /etc/ssh/{name}-cert.pub\n"
            host.write(f"/etc/ssh/sshd_{port}", config)
            host.run("/usr/sbin/sshd", "-f", f"/etc/ssh/sshd_{port}")
        yield host


def shown(host: Host, wanted: SshSettings) -> str:
    """The kind of key that the host showed, once it was accepted. Nothing more is sent."""
    with contextlib.closing(socket.create_connection((host.address, wanted.port), timeout=30)) as connection:
        transport = paramiko.Transport(connection)
        try:
            checks = HostKeys()
            agree(transport, wanted, checks.preferred_algorithms(wanted))
            transport.start_client(timeout=30)
            checks.accepted(wanted, transport.get_remote_server_key())
            return transport.host_key_type or ""
        finally:
            transport.close()
            transport.join(5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_shows_the_key_that_it_is_known_by(host: Host, keys: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "known").write_text(f"gpu01 {public(keys / f'{kind}1')}\n")
    assert kind in shown(host, settings(tmp_path / "known", port=2200))


def test_a_stranger_on_the_same_name_is_refused(host: Host, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "known").write_text(f"gpu01 {public(keys / 'ed255192')}\n")
    with pytest.raises(NotConnected) as caught:
        shown(host, settings(tmp_path / "known", port=2200, strict="accept-new"))
    assert caught.value.code == "host-key.changed"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("good", ""),
        ("stranger", "its authority is not one that is known for this host"),
        ("other-name", "it is for gpu02"),
        ("expired", "it expired at 2020-01-02 00:00:00 UTC"),
    ],
)
def test_a_certificate_must_be_by_the_authority_for_the_host_and_now(
    host: Host, keys: Path, tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "known").write_text(f"@cert-authority gpu* {public(keys / 'authority')}\n")
    wanted = settings(tmp_path / "known", port=CERTIFIED[name], strict="accept-new")
    if not reason:
        assert shown(host, wanted) == "ssh-ed25519-cert-v01@openssh.com"
        return
    with pytest.raises(NotConnected) as caught:
        shown(host, wanted)
    in_words(caught.value)
    assert (caught.value.code, caught.value.values["reason"]) == ("host-key.certificate", reason)


def test_an_authority_that_is_revoked_vouches_for_nobody(host: Host, keys: Path, tmp_path: Path) -> None:
    authority = public(keys / "authority")
    (tmp_path / "known").write_text(f"@cert-authority * {authority}\n@revoked * {authority}\n")
    with pytest.raises(NotConnected) as caught:
        shown(host, settings(tmp_path / "known", port=CERTIFIED["good"]))
    assert caught.value.code == "host-key.certificate"


def test_an_authority_does_not_vouch_for_a_plain_key(host: Host, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "known").write_text(f"@cert-authority * {public(keys / 'authority')}\n")
    with pytest.raises(NotConnected) as caught:
        shown(host, settings(tmp_path / "known", port=2200, strict="accept-new"))
    assert caught.value.code == "host-key.uncertified"


def test_a_plain_line_is_enough_for_a_host_with_a_bad_certificate(host: Host, keys: Path, tmp_path: Path) -> None:
    lines = [f"@cert-authority * {public(keys / 'nobody')}", f"gpu01 {public(keys / 'ed255191')}"]
    (tmp_path / "known").write_text("\n".join(lines))
    shown(host, settings(tmp_path / "known", port=CERTIFIED["good"]))


@pytest.mark.parametrize(
    ("name", "reason"), [("user", "it is a user's, not a host's"), ("sha1", "it is signed with SHA-1")]
)
def test_a_certificate_of_another_sort_is_none(keys: Path, tmp_path: Path, name: str, reason: str) -> None:
    authorities = "".join(f"@cert-authority * {public(keys / each)}\n" for each in ("authority", "old-authority"))
    (tmp_path / "known").write_text(authorities)
    certificate = (keys / f"{name}-cert.pub").read_text().split()[1]
    shown_key = paramiko.Ed25519Key(data=base64.b64decode(certificate))
    error = refusal(settings(tmp_path / "known"), shown_key)
    assert (error.code, error.values["reason"]) == ("host-key.certificate", reason)


def test_a_certificate_that_was_changed_after_it_was_signed_is_none(keys: Path, tmp_path: Path) -> None:
    (tmp_path / "known").write_text(f"@cert-authority * {public(keys / 'authority')}\n")
    certificate = base64.b64decode((keys / "other-name-cert.pub").read_text().split()[1])
    forged = paramiko.Ed25519Key(data=certificate.replace(b"gpu02", b"gpu01"))
    error = refusal(settings(tmp_path / "known"), forged)
    assert (error.code, error.values["reason"]) == ("host-key.certificate", "its signature is wrong")


def test_a_certificate_with_any_byte_changed_vouches_for_nobody(keys: Path) -> None:
    certificate = base64.b64decode((keys / "good-cert.pub").read_text().split()[1])
    authority = base64.b64decode(public(keys / "authority").split()[1])
    assert objection(certificate, "gpu01", [authority]) == ""
    for place in range(len(certificate)):
        changed = certificate[:place] + bytes([certificate[place] ^ 0x41]) + certificate[place + 1 :]
        assert objection(changed, "gpu01", [authority]), place
        assert objection(certificate[:place], "gpu01", [authority]), place

"""An agent starts under every login shell, with whatever Python there is; what keeps it from that is said plainly."""

from __future__ import annotations

import contextlib
import resource
import threading
from collections.abc import Iterator

import pytest

from autoglm_fix.connect import ChannelClosed, Request
from autoglm_fix.connect.channel import NotConnected
from autoglm_fix.engine.session import Refusal, Session
from autoglm_fix.locale import LANGUAGES, Catalogue
from tests.connect.accounts import HELLO, Account, add_accounts
from tests.hosts import Host, boot
from tests.hosts.needs import needs
from tests.pythons import python_3_7

SHELLS = {name: f"/usr/bin/{name}" for name in ("bash", "dash", "zsh", "ksh93", "tcsh", "fish", "rbash")}
RC = {"bash": ".bashrc", "zsh": ".zshenv", "tcsh": ".tcshrc", "fish": ".config/fish/config.fish"}
MIB = 1 << 20


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    needs("login shells", list(SHELLS))
    with boot(tmp_path_factory.mktemp("host") / "gpu01", systemd=False) as host:
        add_accounts(host, **SHELLS, closed="/usr/sbin/nologin", false="/bin/false", forced="/bin/bash")
        host.write("/root/.bashrc", "")
        yield host


@contextlib.contextmanager
def laid(host: Host, path: str, text: str, mode: int = 0o644) -> Iterator[None]:
    """A file on the host for a while."""
    host.write(path, text, mode)
    try:
        yield
    finally:
        host.run("rm", "-f", path)


def sentence(why: NotConnected, language: str = "en") -> str:
    return " ".join(Catalogue(language).part(why.code, part, why.values) for part in ("summary", "advice"))


@pytest.mark.parametrize(
    ("shell", "transport"), [*((shell, "ssh") for shell in SHELLS), ("fish", "openssh"), ("tcsh", "openssh")]
)
def test_every_login_shell_starts_it(host: Host, shell: str, transport: str) -> None:
    assert Account(host, shell, transport).hello()["hostname"] == "gpu01"


NOISE = {
    "banner": "echo 'Welcome to gpu01! Dr. Who: unlimited'",
    "json": """echo '{"jsonrpc": "2.0", "id": 1}'; echo '{'""",
    "binary": "head -c 100000 /dev/urandom",
    "6 MB in both streams": "sh -c 'head -c 6000000 /dev/zero >&2'; head -c 6000000 /dev/zero",
}


@pytest.mark.parametrize(
    ("shell", "case"), [*(("bash", case) for case in NOISE), *((shell, "json") for shell in RC if shell != "bash")]
)
def test_what_an_rc_file_prints_first_is_passed_over(host: Host, shell: str, case: str) -> None:
    with laid(host, f"/home/{shell}/{RC[shell]}", f"{NOISE[case]}\n"):
        assert Account(host, shell).hello()["hostname"] == "gpu01"


@pytest.mark.parametrize(("shell", "rc"), [("bash", "set -vx"), ("zsh", "setopt xtrace"), ("tcsh", "set echo verbose")])
def test_a_shell_that_prints_what_it_runs_is_no_sign_of_life(host: Host, shell: str, rc: str) -> None:
    with laid(host, f"/home/{shell}/{RC[shell]}", f"{rc}\n"):
        assert Account(host, shell).hello()["hostname"] == "gpu01"


# rc file, code, last line of the tail
UNWILLING = {
    "exits": ("exit 1", "start.login-shell", None),
    "says-why-and-exits": ("echo 'go away' >&2; exit 7", "start.login-shell", "go away"),
    "becomes-another": ("exec true", "start.login-shell", None),
    "starts-tmux": ("exec tmux", "start.login-shell", None),
    "prints-and-waits": ("echo 'Choose a project:'; exec sleep 100", "start.timed-out", "Choose a project:"),
    "reads-all": ("exec cat", "start.timed-out", None),
    "never-ends": ("exec yes fun", "start.flood", "fun"),
    "prints-one-line-of-a-gigabyte": ("exec head -c 1000000000 /dev/zero", "start.flood", None),
    "never-ends-on-stderr": ("exec yes fun >&2", "start.timed-out", "fun"),
}


@pytest.mark.parametrize("case", UNWILLING)
def test_a_login_shell_that_does_not_run_it_is_one_clear_error(host: Host, case: str) -> None:
    rc, code, last = UNWILLING[case]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with laid(host, "/home/bash/.bashrc", f"{rc}\n"):
        why = Account(host, "bash").refusal(timeout_s=3.0 if code == "start.timed-out" else 20.0)
    assert (why.code, why.refused) == (code, False)
    if last is not None:
        assert why.tail[-1] == last
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert all(sentence(why, language) for language in LANGUAGES)


def test_an_account_without_a_login_is_named_as_such(host: Host) -> None:
    why = Account(host, "closed").refusal()
    assert (why.code, why.refused) == ("start.no-login", False)
    assert why.tail == ("This account is currently not available.",)
    assert Account(host, "false").refusal().code == "start.login-shell"


def test_a_forced_command_is_one_clear_error(host: Host) -> None:
    key = host.read("/root/.ssh/authorized_keys")
    host.write("/home/forced/.ssh/authorized_keys", f'command="echo backups only" {key}')
    why = Account(host, "forced").refusal()
    assert (why.code, why.values["exit_code"], why.tail) == ("start.login-shell", 0, ("backups only",))


OLD = '#!/bin/sh\nexec {python} "$@"\n'
BROKEN = "#!/bin/sh\necho 'Fatal Python error: no module named encodings' >&2\nexit 1\n"
LOST = "#!/opt/gone/bin/python\n"


@contextlib.contextmanager
def without_python(host: Host) -> Iterator[None]:
    host.run("sh", "-ec", "mkdir -p /hidden; mv /usr/bin/python3* /hidden")
    try:
        yield
    finally:
        host.run("sh", "-ec", "mv /hidden/* /usr/bin")


def test_a_host_without_a_python_says_so(host: Host) -> None:
    with without_python(host):
        why = Account(host, "dash").refusal()
    assert (why.code, why.refused) == ("start.no-python", True)
    assert "ansible_python_interpreter" in sentence(why)


def test_a_python_that_is_too_old_is_named_with_its_version(host: Host) -> None:
    old = OLD.format(python=python_3_7())
    with without_python(host), laid(host, "/usr/local/bin/python3", old, 0o755):
        why = Account(host, "root").refusal()
    assert (why.code, why.refused) == ("start.old-python", True)
    assert why.values["path"] == "/usr/local/bin/python3"
    assert str(why.values["version"]).startswith("3.7.")
    assert str(why.values["version"]) in sentence(why)


@pytest.mark.parametrize(("text", "exit_code"), [(BROKEN, 1), (LOST, 127)])
def test_a_python_that_does_not_start_is_named_with_what_it_said(host: Host, text: str, exit_code: int) -> None:
    with without_python(host), laid(host, "/usr/local/bin/python3.13", text, 0o755):
        why = Account(host, "bash").refusal()
    assert (why.code, why.refused) == ("start.broken-python", True)
    assert (why.values["path"], why.values["exit_code"]) == ("/usr/local/bin/python3.13", exit_code)
    assert why.tail


def test_one_that_will_not_do_gives_way_to_the_next(host: Host) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(without_python(host))
        stack.enter_context(laid(host, "/usr/bin/python3", OLD.format(python=python_3_7()), 0o755))
        stack.enter_context(laid(host, "/usr/local/bin/python3.13", BROKEN, 0o755))
        stack.enter_context(laid(host, "/usr/local/bin/python3.12", LOST, 0o755))
        stack.enter_context(laid(host, "/usr/libexec/platform-python", '#!/bin/sh\nexec /hidden/python3 "$@"\n', 0o755))
        assert Account(host, "root").hello()["python"].startswith("3.11")


def test_the_python_that_the_inventory_names_is_the_only_one_tried(host: Host) -> None:
    with laid(host, "/opt/my python/bin/python", '#!/bin/sh\nexec /usr/bin/python3 "$@"\n', 0o755):
        assert Account(host, "fish").hello(python="/opt/my python/bin/python")["hostname"] == "gpu01"
    with laid(host, "/opt/my python/bin/python", OLD.format(python=python_3_7()), 0o755):
        why = Account(host, "root").refusal(python="/opt/my python/bin/python")
    assert (why.code, why.values["path"]) == ("start.old-python", "/opt/my python/bin/python")
    why = Account(host, "tcsh").refusal(python="/opt/it's gone/bin/python")
    assert (why.code, why.values["path"], why.refused) == ("start.no-such-python", "/opt/it's gone/bin/python", True)


@pytest.mark.parametrize(
    "mount",
    [
        "mount -t tmpfs -o noexec none /tmp",
        "mount -t tmpfs -o ro none /tmp",
        "mount -t tmpfs -o size=64k none /tmp; head -c 1000000 /dev/zero >/tmp/full || true",
        "mount -o remount,ro /",
    ],
    ids=["noexec", "read-only", "full", "read-only root"],
)
def test_it_needs_no_place_to_write(host: Host, mount: str) -> None:
    host.run("sh", "-c", mount)
    try:
        assert Account(host, "dash").hello()["hostname"] == "gpu01"
    finally:
        host.run("sh", "-c", "umount /tmp || mount -o remount,rw /")


def test_one_that_is_killed_is_told_from_a_lost_connection(host: Host) -> None:
    with Account(host, "bash").agent() as agent:
        host.run("kill", "-9", str(agent.ask(HELLO)["pid"]))
        with pytest.raises(ChannelClosed) as lost:
            agent.ask(Request("hello"))
    assert lost.value.exit_code == 128 + 9


def test_a_full_disk_may_be_looked_at_and_not_changed(host: Host) -> None:
    host.run(
        "sh", "-c", "mount -t tmpfs -o size=64k none /var/lib; head -c 1000000 /dev/zero >/var/lib/full", check=False
    )
    with Account(host, "root").channel() as channel:
        session = Session("gpu01", lambda: channel, "", threading.Event(), lambda _event: None)
        assert session.identity()["hostname"] == "gpu01"
        with pytest.raises(Refusal) as refused:
            session.begin("20261122T110000-ab12", "somebody")
    host.run("umount", "/var/lib")
    assert refused.value.fault.code == "run.no-journal"
    assert "No space left on device" in Catalogue("en").text("run.no-journal", **refused.value.fault.values)


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
def test_a_connection_that_is_lost_is_no_end_of_the_agent(host: Host, transport: str) -> None:
    with Account(host, "ksh93", transport).agent() as agent:
        agent.ask(HELLO)
        host.run("pkill", "-9", "-f", "sshd: ksh93", check=False)
        with pytest.raises(ChannelClosed) as lost:
            agent.ask(Request("hello"))
    assert lost.value.exit_code is None


@pytest.mark.parametrize("transport", ["ssh", "openssh"])
def test_a_connection_that_is_lost_before_it_starts_says_so(host: Host, transport: str) -> None:
    with laid(host, "/home/bash/.bashrc", "pkill -9 -f 'sshd: bash'; sleep 10\n"):
        why = Account(host, "bash", transport).refusal()
    assert (why.code, why.refused) == ("start.cut", False)
    assert why.values["reason"]

"""ssh_config, held against what the system's own ssh makes of the same files."""

from __future__ import annotations

import getpass
import os
import pwd
import shlex
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoglm_fix.connect import NotConnected
from autoglm_fix.connect.route import Route
from autoglm_fix.connect.ssh.config import SshConfig
from autoglm_fix.connect.ssh.settings import KEEPALIVE_S, SshSettings

CASES = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
HOME = pwd.getpwuid(os.getuid()).pw_dir
SPELT = {"true": "yes", "false": "no"}

needs_ssh = pytest.mark.skipif(not shutil.which("ssh"), reason="there is no ssh to compare with")


def lay_out(case: dict[str, Any], folder: Path) -> Path:
    for name, text in {"config": case["config"], **case.get("files", {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{dir}", str(folder)), "utf-8", newline="")
        path.chmod(0o600)
    return folder / "config"


def real(config: Path, host: str, *options: str) -> dict[str, list[str]]:
    """What `ssh -G` prints, by keyword."""
    environment = {**os.environ, "LAB_FOLDER": str(config.parent)}
    done = subprocess.run(
        ["ssh", "-G", "-F", config, *options, "--", host], capture_output=True, text=True, env=environment, timeout=20
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


def ours(config: Path, host: str, **route: Any) -> SshSettings:
    files = SshConfig(environment={"LAB_FOLDER": str(config.parent)})
    options = {"configfile": str(config), **route.pop("options", {})}
    return files.settings("the-inventory-name", Route("ssh", host, options=options, **route))


def filled(text: str, settings: SshSettings, folder: Path) -> str:
    """A path that `ssh -G` prints before its tokens are filled in."""
    machine = socket.gethostname()
    values = {
        "%d": HOME, "%u": getpass.getuser(), "%L": machine.split(".")[0], "%i": str(os.getuid()), "%r": settings.user,
        "%n": settings.name, "%p": str(settings.port), "%h": settings.hostname, "${LAB_FOLDER}": str(folder),
        "%k": settings.name,
    }  # fmt: skip
    for token, value in values.items():
        text = text.replace(token, value)
    return HOME + text[1:] if text.startswith("~/") else text


def as_ssh_prints(settings: SshSettings) -> dict[str, Any]:
    return {
        "hostname": settings.hostname,
        "port": str(settings.port),
        "user": settings.user,
        "identitiesonly": "yes" if settings.identities_only else "no",
        "compression": "yes" if settings.compression else "no",
        "serveralivecountmax": str(settings.keepalive_count),
        "addressfamily": settings.address_family,
        "hashknownhosts": "yes" if settings.hash_known_hosts else "no",
        "passwordauthentication": "yes" if "password" in settings.methods else "no",
        "kbdinteractiveauthentication": "yes" if "keyboard-interactive" in settings.methods else "no",
        "bindaddress": settings.bind_address or None,
    }


CASES_AND_HOSTS = [pytest.param(case, host, id=f"{case['name']}-{host}") for case in CASES for host in case["hosts"]]


@needs_ssh
@pytest.mark.parametrize(("case", "host"), CASES_AND_HOSTS)
def test_a_host_is_resolved_as_ssh_does(case: dict[str, Any], host: str, tmp_path: Path) -> None:
    config = lay_out(case, tmp_path)
    expected, settings = real(config, host), ours(config, host)

    compared = as_ssh_prints(settings)
    assert compared == {
        keyword: SPELT.get(value, value) if (value := expected.get(keyword, [None])[0]) else None
        for keyword in compared
    }
    # Where nobody says, ssh never asks a silent host, and we do.
    said = expected["serveraliveinterval"][0]
    assert f"{settings.keepalive_s:.0f}" == said or (said, settings.keepalive_s) == ("0", KEEPALIVE_S)
    if settings.identities_named:
        paths = [filled(path, settings, tmp_path) for path in expected["identityfile"] if path != "none"]
        assert list(settings.identity_files) == paths
    certificates = [filled(path, settings, tmp_path) for path in expected.get("certificatefile", []) if path != "none"]
    assert list(settings.certificate_files) == certificates
    assert (settings.strict == "accept-new") == (expected["stricthostkeychecking"][0] in ("accept-new", "false"))
    assert ("publickey" in settings.methods) == (expected["pubkeyauthentication"][0] != "false")
    if "none" not in expected["userknownhostsfile"]:
        assert " ".join(settings.known_hosts) == filled(expected["userknownhostsfile"][0], settings, tmp_path)
    assert " ".join(settings.global_known_hosts) == expected["globalknownhostsfile"][0]
    if alias := expected.get("hostkeyalias"):
        assert settings.host_key_name == alias[0].lower()
    if expected["connecttimeout"][0] != "none":
        assert settings.timeout_s == float(expected["connecttimeout"][0])


@needs_ssh
@pytest.mark.parametrize(("case", "host"), CASES_AND_HOSTS)
def test_the_way_to_a_host_is_the_one_that_ssh_takes(case: dict[str, Any], host: str, tmp_path: Path) -> None:
    config = lay_out(case, tmp_path)
    expected, settings = real(config, host), ours(config, host)
    command = expected.get("proxycommand")
    if command:
        there = {"%h": settings.hostname, "%p": str(settings.port), "%n": settings.name, "%r": settings.user, "%%": "%"}
        line = command[0]
        for token, value in there.items():
            line = line.replace(token, value)
        assert settings.proxy_command == line
    else:
        assert settings.proxy_command is None
    assert [(hop.user, hop.hostname, hop.port) for hop in settings.jumps] == hops(config, expected)


def hops(config: Path, expected: dict[str, list[str]]) -> list[tuple[str, str, int]]:
    """The jump hosts, each as ssh itself resolves it, those of the first before it."""
    found: list[tuple[str, str, int]] = []
    for number, hop in enumerate(expected.get("proxyjump", [""])[0].split(",")):
        if not hop:
            continue
        user, _, place = hop.removeprefix("ssh://").rpartition("@")
        host, port = place.removeprefix("[").split("]:") if "]:" in place else [*place.split(":"), ""][:2]
        jump = real(config, host, *(["-l", user] if user else []), *(["-p", port] if port else []))
        own = hops(config, jump) if not number else []
        found += [*own, (jump["user"][0], jump["hostname"][0], int(jump["port"][0]))]
    return found


@needs_ssh
def test_the_inventory_outranks_the_configuration(tmp_path: Path) -> None:
    config = lay_out(
        {"config": "User conf\nPort 1\nIdentityFile /conf\nConnectTimeout 9\nMatch user me\n Compression yes"},
        tmp_path,
    )
    expected = real(config, "h", "-l", "me", "-p", "2022", "-i", "/mine", "-o", "StrictHostKeyChecking=no")
    settings = ours(
        config, "h", user="me", port=2022, key_file="/mine", options={"StrictHostKeyChecking": "no"}, timeout_s=4.0
    )
    assert (settings.user, str(settings.port)) == (expected["user"][0], expected["port"][0])
    assert settings.compression is (expected["compression"][0] == "yes") is True
    # ssh asks its agent and its files as one list; what the inventory names comes first here as there.
    assert list(settings.identity_files) == ["/mine", "/conf"]
    assert settings.strict == "accept-new"
    assert settings.timeout_s == 4.0


@needs_ssh
@pytest.mark.parametrize(
    ("said", "inventory", "expected"),
    [
        ("", {}, KEEPALIVE_S),
        ("ServerAliveInterval 0", {}, 0.0),
        ("ServerAliveInterval 0", {"serveraliveinterval": "5"}, 5.0),
        ("ServerAliveInterval 5", {"serveraliveinterval": "0"}, 0.0),
    ],
)
def test_a_silent_host_is_not_asked_for_a_sign_of_life_where_somebody_says_so(
    said: str, inventory: dict[str, str], expected: float, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(f"Host *\n  {said}\n")
    assert ours(tmp_path / "config", "gpu01", options=inventory).keepalive_s == expected


def test_the_files_of_this_machine_are_read_where_none_is_named() -> None:
    done = subprocess.run(["ssh", "-G", "a.host.of.nobody"], capture_output=True, text=True, timeout=20, check=True)
    expected = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    settings = SshConfig().settings("a.host.of.nobody", Route("ssh"))
    assert as_ssh_prints(settings)["hashknownhosts"] == expected["hashknownhosts"]
    assert (settings.hostname, str(settings.port), settings.user) == (
        expected["hostname"],
        expected["port"],
        expected["user"],
    )
    assert " ".join(settings.known_hosts) == expected["userknownhostsfile"]
    assert ("GSSAPIAuthentication" in [each.setting for each in settings.beyond]) == (
        expected["gssapiauthentication"] == "yes"
    )


def test_a_setting_of_the_inventory_is_read_like_a_line(tmp_path: Path) -> None:
    config = lay_out({"config": ""}, tmp_path)
    options = {"userknownhostsfile": f'"{tmp_path}/a b" /c', "ProxyJump": "me@gate:2022", "connecttimeout": "77"}
    settings = ours(config, "h", options={**options, "identityfile": f"{tmp_path}/my key"})
    assert settings.identity_files == (f"{tmp_path}/my key",)
    assert settings.known_hosts == (f"{tmp_path}/a b", "/c")
    assert [(hop.user, hop.hostname, hop.port) for hop in settings.jumps] == [("me", "gate", 2022)]
    assert settings.timeout_s == 77


def test_a_command_line_has_its_tokens_and_is_whole(tmp_path: Path) -> None:
    config = lay_out({"config": "ProxyCommand sh -c 'nc %h \"%p\"' %r@%n 100%%"}, tmp_path)
    command = ours(config, "h", user="me").proxy_command
    assert command is not None
    assert shlex.split(command) == ["sh", "-c", 'nc h "22"', "me@h", "100%"]


@pytest.mark.parametrize(
    ("config", "host", "code", "named"),
    [
        ('Match exec "test -f /x"\n User a\n', "h", "ssh.needs-openssh", "config:1"),
        ("CanonicalizeHostname yes\n", "h", "ssh.needs-openssh", "config:1"),
        ("Match localnetwork 10.0.0.0/8\n User a\n", "h", "ssh.needs-openssh", "config:1"),
        ('\nUser "bob\n', "h", "ssh.config-wrong", "config:2"),
        ("\n\nUser\n", "h", "ssh.config-wrong", "config:3"),
        ("Port http\n", "h", "ssh.config-wrong", "config:1"),
        ("Port 70000\n", "h", "ssh.config-wrong", "config:1"),
        ("ConnectTimeout soon\n", "h", "ssh.config-wrong", "config:1"),
        ("IdentityFile %q\n", "h", "ssh.config-wrong", "config:1"),
        ("IdentityFile ${NOT_SET_HERE}/x\n", "h", "ssh.config-wrong", "config:1"),
        ("ProxyJump a:b:c\n", "h", "ssh.config-wrong", "config:1"),
        ("ProxyJump -oProxyCommand=x\n", "h", "ssh.config-wrong", "config:1"),
        ("ProxyJump gate\n", "h", "ssh.jump-loop", "config:1"),
        ("Include {dir}/config\n", "h", "ssh.config-wrong", "config"),
        ("ProxyCommand nc %h %p\n", "a;reboot", "ssh.bad-name", "a;reboot"),
        ("ProxyCommand nc %h %p\n", "$(reboot)", "ssh.bad-name", "reboot"),
        ("HostName -oProxyCommand=x\n", "h", "ssh.bad-name", "-oproxycommand=x"),
        ("", "-h", "ssh.bad-name", "-h"),
        ("", "a b", "ssh.bad-name", "a b"),
    ],
)
def test_what_is_wrong_or_beyond_paramiko_is_named(
    config: str, host: str, code: str, named: str, tmp_path: Path
) -> None:
    path = lay_out({"config": config}, tmp_path)
    with pytest.raises(NotConnected) as caught:
        ours(path, host)
    assert caught.value.code == code
    assert named in str(caught.value.values)


def test_a_command_of_the_configuration_is_asked_for_only_where_it_could_count(tmp_path: Path) -> None:
    config = lay_out({"config": "Match host other exec false\n User a\n"}, tmp_path)
    assert ours(config, "h").user == getpass.getuser()


def test_a_file_that_others_may_write_is_not_read(tmp_path: Path) -> None:
    config = lay_out({"config": "Include {dir}/open\n", "files": {"open": "User mallory\n"}}, tmp_path)
    (tmp_path / "open").chmod(0o666)
    with pytest.raises(NotConnected) as caught:
        ours(config, "h")
    assert caught.value.code == "ssh.config-owner"


def test_files_are_read_once_a_run(tmp_path: Path) -> None:
    config = lay_out({"config": "User before\n"}, tmp_path)
    files = SshConfig(files=[str(config)])
    assert files.settings("a", Route("ssh")).user == "before"
    config.write_text("User after\n")
    assert files.settings("b", Route("ssh")).user == "before"


def test_hosts_behind_one_jump_host_are_told_the_same_of_it(tmp_path: Path) -> None:
    config = lay_out({"config": "Host gpu*\n ProxyJump gate\n"}, tmp_path)
    files = SshConfig(files=[str(config)], accept_new=True)
    first, second = (files.settings(name, Route("ssh")) for name in ("gpu01", "gpu02"))
    assert first.jumps[0] is second.jumps[0]
    assert hash(first) != hash(second)
    assert first.strict == first.jumps[0].strict == "accept-new"

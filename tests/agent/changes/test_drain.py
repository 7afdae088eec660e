"""The operator's commands around an interruption: as whom they run, with what, for how long, and what they said."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.apply import apply, recover, undo
from autoglm_fix.agent.changes import CannotChange, to_wire
from autoglm_fix.agent.changes.commanded import commanded, user_for
from autoglm_fix.agent.changes.drain import Drain, Undrain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.drained import drained
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.state import State

ME = pwd.getpwuid(os.geteuid()).pw_name
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may run as others")


def script(folder: Path, text: str, name: str = "ctl") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@as_root
@pytest.mark.parametrize(
    ("service", "owner", "user"),
    [
        ({}, 0, "root"),
        ({"user": "nobody"}, 0, "nobody"),
        ({"user": "root"}, 0, "root"),
        ({}, pwd.getpwnam("nobody").pw_uid, "nobody"),  # root runs nothing that another user owns
        ({"user": "65534:65534", "container": "glm"}, 0, "root"),
        ({"user": "nobody", "container": "glm"}, 0, "nobody"),
        ({"user": "65534"}, 0, "nobody"),
        ({"user": "of-the-container", "container": "glm"}, 0, "root"),
    ],
)
def test_it_runs_as_the_services_user_and_as_root_only_where_all_of_it_is_roots(
    service: dict[str, Any], owner: int, user: str, tmp_path: Path
) -> None:
    program = script(tmp_path, "true")
    os.chown(program, owner, owner)
    assert user_for(Context(ServiceSpec(**service)), [program]) == user


def test_its_environment_is_a_clean_one_and_its_output_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    heard: list[Any] = []
    commanded(Context(emit=heard.append), "draining", [script(tmp_path, "env")], ME, 60)
    said = [event["line"] for event in heard if event["event"] == "log"]
    assert f"USER={ME}" in said
    assert not [line for line in said if "hf_secret" in line]


@pytest.mark.parametrize(
    ("text", "timeout", "message"),
    [
        ("echo no such backend; exit 3", 60, "ctl ended with 3: no such backend"),
        ("sleep 60", 0.2, "ctl was not done after 0 s"),
        ("kill -9 $$", 60, "ctl was ended by SIGKILL"),
        ("sleep 60 & exit 1", 60, "ctl ended with 1"),
    ],
)
def test_one_that_fails_says_how(text: str, timeout: float, message: str, tmp_path: Path) -> None:
    with pytest.raises(CannotChange, match=message) as failed:
        commanded(Context(), "draining", [script(tmp_path, text.replace("sleep 60 &", "sleep 2 &"))], ME, timeout)
    assert failed.value.hint == f"by hand: `{tmp_path}/ctl`"


def test_what_is_not_there_is_said_before_anything_is_done(tmp_path: Path) -> None:
    preview = Drain("glm", [str(tmp_path / "gone")], []).preview(Context())
    assert preview.problem == f"there is no program {tmp_path}/gone"


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(str(tmp_path / "state"))


@pytest.fixture
def said(tmp_path: Path) -> Path:
    return tmp_path / "said"


@pytest.fixture
def around(tmp_path: Path, said: Path) -> tuple[Drain, Undrain]:
    drain = script(tmp_path, f"echo drain >>{said}; test ! -e {tmp_path}/no-drain", "drain")
    undrain = script(tmp_path, f"echo undrain >>{said}; test ! -e {tmp_path}/no-undrain", "undrain")
    return Drain("glm", [drain], [undrain]), Undrain("glm", [undrain], [drain])


def make(state: State, *changes: Drain | Undrain, run: str = "1") -> list[bool]:
    return [each["made"] for each in apply(Context(), state, run, "step", list(map(to_wire, changes)))]


def test_what_was_drained_and_not_undrained_is_known_afterwards(state: State, around: tuple[Drain, Undrain]) -> None:
    drain, undrain = around
    assert drained(state) == {}
    assert make(state, drain) == [True]
    assert drained(state) == {"glm": "1"}
    assert make(state, undrain, run="2") == [True]
    assert drained(state) == {}


def test_one_that_fails_half_way_is_taken_back(
    state: State, around: tuple[Drain, Undrain], said: Path, tmp_path: Path
) -> None:
    (tmp_path / "no-drain").touch()
    assert make(state, around[0]) == [False]
    assert (said.read_text().split(), drained(state)) == (["drain", "undrain"], {})


def test_a_service_that_cannot_be_undrained_stays_drained_and_is_known_to_be(
    state: State, around: tuple[Drain, Undrain], said: Path, tmp_path: Path
) -> None:
    (tmp_path / "no-undrain").touch()
    assert make(state, *around) == [True, False]
    assert (said.read_text().split(), drained(state)) == (["drain", "undrain"], {"glm": "1"})


def test_an_undo_of_both_drains_it_first_and_undrains_it_last(
    state: State, around: tuple[Drain, Undrain], said: Path
) -> None:
    make(state, *around)
    said.unlink()
    assert {each["state"] for each in undo(Context(), state, "1", False, False)} == {"restored"}
    assert (said.read_text().split(), drained(state)) == (["drain", "undrain"], {})
    assert recover(Context(), state) == []

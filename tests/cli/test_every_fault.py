"""Every fault that has a cure: seen without a trace, cured alone, cured once, and taken back to the byte."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.playbook.find import find_playbook
from tests import shards
from tests.agent.facts import tokenizer_files
from tests.diagnostics import broken_weights as breaks
from tests.diagnostics.broken_weights import FIRST, INDEX, SECOND, THIRD, UP_PROJ, Break, several
from tests.disks import disk

from .command import Said, autoglm_fix, inventory

SETTINGS = "generation_config.json"
NOBODY = 65534


@dataclass(frozen=True)
class Host:
    """What a test has: the model as the service looks for it, good files, and where a model may have moved."""

    root: Path

    @property
    def model(self) -> Path:
        return self.root / "models" / "name"

    @property
    def good(self) -> Path:
        return self.root / "mirror" / "name"

    @property
    def elsewhere(self) -> Path:
        return self.root / "disk2"


@dataclass(frozen=True)
class Fault:
    """One row: what is broken, the codes found of it, and the paths below the root that a cure may change.

    A blob of a hub's cache is named by a pattern. ``tag`` picks the step, ``deep`` reads every byte, and
    ``model`` is the folder that the service is told.
    """

    name: str
    break_: Callable[[Host], None]
    finds: tuple[str, ...]
    changes: tuple[str, ...]
    tag: str = "weights"
    deep: bool = False
    model: str | None = None


def chat_model(folder: Path) -> Path:
    """Shards, a tokenizer that reads and writes, a chat template, and settings that end an answer."""
    model = shards.model(folder)
    shards.edit_json(model / "config.json", eos_token_id=[257, 260, 262], pad_token_id=257)
    (model / SETTINGS).write_text(json.dumps({"eos_token_id": [257, 260, 262]}, indent=2) + "\n")
    words = {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    (model / "tokenizer.json").write_text(json.dumps(tokenizer_files.tokenizer_json()))
    (model / "tokenizer_config.json").write_text(json.dumps(words))
    (model / "chat_template.jinja").write_text(tokenizer_files.TEMPLATE)
    return model


def in_model(name: str, break_: Break, *finds: str, changes: tuple[str, ...], tag: str = "weights") -> Fault:
    """A fault inside the model's folder."""
    paths = tuple(f"models/name/{path}" for path in changes)
    return Fault(name, lambda host: break_(host.model), finds, paths, tag)


def shard(name: str, break_: Break, code: str) -> Fault:
    """A fault of the second shard, cured by a good copy of it."""
    return in_model(name, break_, f"weights.{code}", changes=(SECOND,))


def setting(name: str, code: str, **values: Any) -> Fault:
    """A fault of the settings of generation, cured by an edit of their file."""
    break_ = breaks.edit(SETTINGS, **values)
    return in_model(name, break_, f"generation_config.{code}", changes=(SETTINGS,), tag="generation")


def deep(name: str, data: bytes, code: str) -> Fault:
    """A fault of numbers, which only a look at every byte shows."""
    break_ = breaks.put(SECOND, UP_PROJ, 1000, data)
    return Fault(name, lambda host: break_(host.model), (f"weights.{code}",), (f"models/name/{SECOND}",), deep=True)


def replaced(name: str, text: Callable[[str], str]) -> Break:
    """The file with other text."""
    return lambda model: (model / name).write_text(text((model / name).read_text())) and None


def moved(host: Host) -> None:
    host.elsewhere.mkdir()
    host.model.rename(host.elsewhere / "name")


def moved_with_its_folder(host: Host) -> None:
    moved(host)
    host.model.parent.rmdir()


def moved_and_broken(host: Host) -> None:
    moved(host)
    breaks.remove(SECOND)(host.elsewhere / "name")


def linked_to_nothing(host: Host) -> None:
    moved(host)
    host.model.symlink_to("../disk1/name")


def emptied(host: Host) -> None:
    moved(host)
    host.model.mkdir()


def link_with_another_owner(host: Host) -> None:
    linked_to_nothing(host)
    if os.geteuid() == 0:
        os.chown(host.model, NOBODY, NOBODY, follow_symlinks=False)


HUB = "hub/models--org--name"
COMMIT = "c0ffee" * 6 + "abcd"
SNAPSHOT = f"{HUB}/snapshots/{COMMIT}"


def cached(break_: Callable[[Path], object]) -> Callable[[Host], None]:
    """The model in a hub's cache, with a fault in its snapshot."""

    def apply(host: Host) -> None:
        snapshot = shards.hub_cache(host.root / "hub", host.good)
        shutil.rmtree(host.model.parent)
        break_(snapshot)

    return apply


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def point_to(shard: Path) -> None:
    shard.write_text(shards.pointer(digest(shard), shard.stat().st_size))


def half_a_download(snapshot: Path) -> None:
    gone = (snapshot / SECOND).resolve()
    gone.with_name(gone.name + ".incomplete").write_bytes(gone.read_bytes()[:5000])
    gone.unlink()


BAD_FILES = several(breaks.remove(FIRST, "tokenizer.json"), breaks.cut(SECOND, 9))
BAD_STEPS = several(
    breaks.cut(SECOND, 9), breaks.edit("config.json", pad_token_id=999), breaks.edit(SETTINGS, max_new_tokens=0)
)

FAULTS: list[Fault] = [
    shard("a shard is missing", breaks.remove(SECOND), "shard-missing"),
    shard("a shard is cut short", breaks.cut(SECOND, 1), "shard-truncated"),
    shard("a shard is empty", breaks.write(SECOND, b""), "shard-truncated"),
    shard("a shard goes on", breaks.append(SECOND, 7), "shard-padded"),
    shard("a shard is a Git-LFS pointer", lambda model: point_to(model / SECOND), "lfs-pointer"),
    shard("a shard is a web page", breaks.write(SECOND, "<!DOCTYPE html><html>Sign in</html>"), "html-instead"),
    shard("a shard is noise", breaks.write(SECOND, b"\x93\xf2" * 500), "header-broken"),
    shard("a shard is another model's", breaks.another_models(SECOND), "shard-of-another-model"),
    Fault(
        "a shard is a link to nothing",
        lambda host: breaks.link_to_nothing(SECOND)(host.model),
        ("weights.dangling-link",),
        ("models/gone",),
    ),
    deep("zeros in a matrix", breaks.ZEROS, "zeroed"),
    deep("a not-a-number", b"\x81\x7f" * 40, "nan"),
    in_model("the index is missing", breaks.remove(INDEX), "weights.index-missing", changes=(INDEX,)),
    in_model("the index is cut short", breaks.cut(INDEX, 20), "weights.index-broken", changes=(INDEX,)),
    in_model("the config is missing", breaks.remove("config.json"), "weights.config-missing", changes=("config.json",)),
    in_model(
        "the config has a comma too many",
        replaced("config.json", lambda text: text[:-1] + ",}"),
        "generation_config.config-broken",
        changes=("config.json",),
        tag="generation",
    ),
    in_model(
        "the tokenizer is missing",
        breaks.remove("tokenizer.json"),
        "weights.tokenizer-missing",
        changes=("tokenizer.json",),
    ),
    in_model(
        "the tokenizer is cut short",
        breaks.cut("tokenizer.json", 900),
        "tokenizer.broken",
        changes=("tokenizer.json",),
        tag="tokenizer",
    ),
    in_model(
        "the chat template does not open the assistant's turn",
        replaced("chat_template.jinja", lambda text: text.partition("{% if add_generation_prompt")[0]),
        "tokenizer.template-no-assistant-turn",
        changes=("chat_template.jinja",),
        tag="tokenizer",
    ),
    in_model(
        "the chat template is cut short",
        breaks.cut("chat_template.jinja", 30),
        "tokenizer.template-broken",
        changes=("chat_template.jinja",),
        tag="tokenizer",
    ),
    in_model(
        "a special token is no token",
        breaks.edit("tokenizer_config.json", eos_token="<|im_end|>"),
        "tokenizer.special-token",
        changes=("tokenizer_config.json",),
        tag="tokenizer",
    ),
    in_model(
        "a special id is beyond the vocabulary",
        breaks.edit("config.json", pad_token_id=9999),
        "tokenizer.special-id",
        changes=("config.json",),
        tag="tokenizer",
    ),
    setting("no new tokens are allowed", "no-room", max_new_tokens=0),
    setting("the temperature is negative", "impossible", do_sample=True, temperature=-1.0),
    setting("the answer ends at once", "ends-at-once", eos_token_id=[257, 260, 262, 256]),
    setting("a stop is a text", "stop-invalid", eos_token_id="<|user|>"),
    setting("nothing ends the answer", "never-stops", eos_token_id=[300]),
    in_model(
        "the settings of generation do not parse",
        replaced(SETTINGS, lambda text: text.rstrip()[:-1] + ",\n}\n"),
        "generation_config.broken-json",
        changes=(SETTINGS,),
        tag="generation",
    ),
    Fault("the model moved", moved, ("weights.folder-missing",), ("models/name",)),
    Fault(
        "the model moved, and its parent folder is gone",
        moved_with_its_folder,
        ("weights.folder-missing",),
        ("models", "models/name"),
    ),
    Fault("the folder is a link to nothing", link_with_another_owner, ("weights.folder-dangling",), ("models/name",)),
    Fault("the folder is empty", emptied, ("weights.folder-empty",), ("models/name",)),
    Fault(
        "the model moved and lost a shard",
        moved_and_broken,
        ("weights.folder-missing", "weights.shard-missing"),
        ("models/name", f"disk2/name/{SECOND}"),
    ),
    Fault(
        "a blob of the hub's cache is missing",
        cached(lambda snapshot: (snapshot / SECOND).resolve().unlink()),
        ("weights.dangling-link",),
        (f"{HUB}/blobs/*",),
        model=SNAPSHOT,
    ),
    Fault(
        "a link of the hub's cache is missing",
        cached(lambda snapshot: (snapshot / SECOND).unlink()),
        ("weights.shard-missing",),
        (f"{SNAPSHOT}/{SECOND}",),
        model=SNAPSHOT,
    ),
    Fault(
        "a download into the hub's cache broke off",
        cached(half_a_download),
        ("weights.dangling-link",),
        (f"{HUB}/blobs/*",),
        model=SNAPSHOT,
    ),
    in_model(
        "several files are bad at once",
        BAD_FILES,
        "weights.shard-missing",
        "weights.shard-truncated",
        "weights.tokenizer-missing",
        changes=(FIRST, SECOND, "tokenizer.json"),
    ),
    in_model(
        "every step has something to cure",
        BAD_STEPS,
        "weights.shard-truncated",
        "tokenizer.special-id",
        "generation_config.no-room",
        changes=(SECOND, "config.json", SETTINGS),
        tag="all",
    ),
]

INCURABLE: list[tuple[str, Break, str]] = [
    ("a shard is missing", breaks.remove(SECOND), "weights.shard-missing"),
    ("a shard is cut short", breaks.cut(THIRD, 1), "weights.shard-truncated"),
    ("the index is cut short", breaks.cut(INDEX, 20), "weights.index-broken"),
    ("the config is missing", breaks.remove("config.json"), "weights.config-missing"),
    ("the tokenizer is cut short", breaks.cut("tokenizer.json", 900), "tokenizer.broken"),
    ("the folder is missing", shutil.rmtree, "weights.folder-missing"),
]


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that an edit would alter below a folder; of folders not when they were touched."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        content: object = "folder"
        if path.is_symlink() or not path.is_dir():
            content = (os.readlink(path) if path.is_symlink() else path.read_bytes(), seen.st_mtime_ns)
        found[str(path.relative_to(folder))] = (content, seen.st_mode, seen.st_uid, seen.st_gid, seen.st_ino)
    return found


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def codes(document: Mapping[str, Any]) -> list[str]:
    """The codes of the errors that a run found, each once."""
    steps = document["hosts"]["localhost"]["steps"]
    found = [finding for step in steps for finding in step["findings"]]
    return list(dict.fromkeys(finding["code"] for finding in found if finding["severity"] == "error"))


def statuses(document: Mapping[str, Any]) -> set[str]:
    return {step["status"] for step in document["hosts"]["localhost"]["steps"]}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A service's model and a mirror of it; the files have an owner and a mode that a cure could lose."""
    host = Host(tmp_path / "root")
    chat_model(host.good)
    shutil.copytree(host.good, host.model)
    for path in host.model.iterdir():
        path.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
    return host


class Command:
    """``autoglm-fix run`` over one host, the same each time."""

    def __init__(self, folder: Path, host: Host, fault: Fault) -> None:
        self._hosts = inventory(folder, host.root / (fault.model or "models/name"))
        self._playbook: str | Path = "no-output"
        if fault.deep:
            text = find_playbook("no-output").read_text("utf-8")
            self._playbook = folder / "deep.yml"
            self._playbook.write_text(text.replace("deep: false", "deep: true"), "utf-8")
        self._tags = fault.tag
        self._source = {"weights_source": str(host.good), "weights_search": [str(host.elsewhere)]}

    def __call__(self, *more: str) -> Said:
        source = json.dumps(self._source)
        asked = ("run", self._playbook, "-i", self._hosts, "-t", self._tags, "--no-verify", "-e", source)
        return autoglm_fix(*asked, "--format", "json", *more)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_it_is_seen_without_a_trace_cured_alone_cured_once_and_taken_back(
    tmp_path: Path, host: Host, state_dir: Path, fault: Fault
) -> None:
    fault.break_(host)
    run = Command(tmp_path, host, fault)
    broken = tree(host.root)

    seen = run("--dry-run")
    assert (seen.code, codes(seen.document)) == (0, list(fault.finds)), seen.out
    assert (tree(host.root), list(state_dir.iterdir())) == (broken, [])

    done = run()
    cured = tree(host.root)
    assert (done.code, codes(done.document)) == (0, list(fault.finds)), done.out
    assert statuses(done.document) <= {"fixed", "healthy"}
    changed = differences(broken, cured)
    assert [path for path in changed if not any(fnmatch(path, each) for each in fault.changes)] == []
    assert len(changed) == len(fault.changes)
    for path in changed & broken.keys() & cured.keys():
        assert (host.root / path).is_symlink() or cured[path][1:4] == broken[path][1:4], f"mode or owner of {path}"

    again = run()
    assert (again.code, codes(again.document), statuses(again.document)) == (0, [], {"healthy"}), again.out
    assert tree(host.root) == cured

    undone = autoglm_fix("undo", "--yes")
    assert undone.code == 0, undone.out
    assert differences(broken, tree(host.root)) == set()


def test_a_model_that_is_nowhere_is_fetched_and_then_looked_at_by_every_step(tmp_path: Path, host: Host) -> None:
    shutil.rmtree(host.model.parent)
    shards.edit_json(host.good / SETTINGS, max_new_tokens=0)
    before = tree(host.root)
    done = Command(tmp_path, host, Fault("", lambda _: None, (), (), tag="all"))()
    steps = {step["diagnostic"]: step["status"] for step in done.document["hosts"]["localhost"]["steps"]}
    of_the_model = [steps[name] for name in ("weights", "tokenizer", "generation_config")]
    assert (done.code, of_the_model) == (0, ["fixed", "healthy", "fixed"]), done.out
    assert json.loads((host.model / SETTINGS).read_text()) == {"eos_token_id": [257, 260, 262]}
    assert autoglm_fix("undo", "--yes").code == 0
    assert tree(host.root) == before


@pytest.mark.parametrize(("name", "break_", "code"), INCURABLE, ids=[name for name, _, _ in INCURABLE])
def test_what_has_no_cure_is_left_alone_with_a_command_to_go_on_with(
    tmp_path: Path, host: Host, name: str, break_: Break, code: str
) -> None:
    break_(host.model)
    before = tree(host.root)
    hosts = inventory(tmp_path, host.model)
    nowhere = json.dumps({"weights_search": [str(host.elsewhere)]})
    found = autoglm_fix("run", "no-output", "-i", hosts, "--no-verify", "-e", nowhere)
    assert (found.code, code in found.out, "unfixed" in found.out) == (2, True, True), found.out
    assert tree(host.root) == before
    pasted = re.search(r"^\s*autoglm-fix (run .*)$", found.out, re.MULTILINE)
    assert pasted, found.out
    arguments = [word.replace("DIR", str(host.good)) for word in shlex.split(pasted[1])]
    assert autoglm_fix(*arguments, "--no-verify").code == 0
    assert differences(tree(host.root), before)


def test_originals_kept_beside_the_model_leave_nothing_behind_after_an_undo(tmp_path: Path, host: Host) -> None:
    shutil.rmtree(host.root / "models")
    with disk(tmp_path / "root" / "models"):
        shutil.copytree(host.good, host.model)
        breaks.several(breaks.cut(SECOND, 9), breaks.remove(THIRD))(host.model)
        fault = Fault("two shards", lambda _: None, (), ())
        before = tree(host.root)
        assert Command(tmp_path, host, fault)().code == 0
        assert (host.model / ".autoglm-fix").is_dir()
        assert autoglm_fix("undo", "--yes").code == 0
        assert differences(before, tree(host.root)) == set()


def test_what_a_later_steps_change_brings_to_light_is_said_and_cured_by_the_next_run(
    tmp_path: Path, host: Host
) -> None:
    breaks.several(breaks.remove("tokenizer.json"), breaks.write("config.json", "{"))(host.model)
    run = Command(tmp_path, host, Fault("", lambda _: None, (), (), tag="all"))
    first = run()
    assert (first.code, codes(first.document)) == (2, ["weights.tokenizer-missing", "generation_config.config-broken"])
    (hidden,) = [step for step in first.document["hosts"]["localhost"]["steps"] if step["status"] == "unfixed"]
    assert [declined["code"] for declined in hidden["declined"]] == ["run.hidden-until-now"]
    second = run()
    assert (second.code, statuses(second.document)) == (0, {"fixed", "healthy"})
    assert (run().code, codes(run().document)) == (0, [])

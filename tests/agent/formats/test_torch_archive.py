"""Torch's archives are judged and their keys listed; nothing in them is ever unpickled."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from autoglm_fix.agent.formats import Source, Verdict, torch_archive
from autoglm_fix.agent.formats.pickles import BrokenPickle, walk

torch = pytest.importorskip("torch")


def judge(path: Path) -> Verdict:
    with path.open("rb") as opened:
        return torch_archive.read(Source(opened.fileno(), os.fstat(opened.fileno()).st_size))


def weights() -> dict[str, Any]:
    torch.manual_seed(1)
    shared = torch.randn(6, 6)
    return {
        "model.layers.0.up.weight": torch.randn(8, 16).to(torch.bfloat16),
        "model.layers.1.up.weight": torch.randn(8, 16).to(torch.bfloat16),
        "bias": torch.nn.Parameter(torch.ones(4)),
        "half": torch.ones(3, dtype=torch.float16),
        "order": torch.arange(10),
        "part": shared[2:],
    }


def save(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


FORMS = {
    "new": {},
    "old": {"_use_new_zipfile_serialization": False},
    "protocol 4": {"pickle_protocol": 4},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_keys_of_a_whole_archive_are_listed(tmp_path: Path, form: str) -> None:
    content, tensors = judge(save(tmp_path / "w.bin", weights(), **FORMS[form]))
    assert (content.state, content.problem) == ("whole", "")
    assert {each.name: (each.dtype, each.shape) for each in tensors} == {
        "model.layers.0.up.weight": ("BF16", (8, 16)),
        "model.layers.1.up.weight": ("BF16", (8, 16)),
        "bias": ("F32", (4,)),
        "half": ("F16", (3,)),
        "order": ("I64", (10,)),
        "part": ("F32", (4, 6)),
    }


@pytest.mark.parametrize("form", FORMS)
def test_tensors_lie_where_their_bytes_are(tmp_path: Path, form: str) -> None:
    held = weights()
    path = save(tmp_path / "w.bin", held, **FORMS[form])
    for each in judge(path)[1]:
        there = path.read_bytes()[each.begin : each.end]
        assert there == held[each.name].detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": {"a": torch.ones(2)}, "epoch": 3, "arguments": [1, None, {"x": 1.5}]},
        torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)).state_dict(),
    ],
)
def test_tables_in_tables_and_modules_are_understood(tmp_path: Path, content: Any) -> None:
    verdict, tensors = judge(save(tmp_path / "w.pth", content))
    assert verdict.state == "whole"
    assert {"a", "0.weight"} & {each.name for each in tensors}


def test_eight_bit_floats_keep_their_type(tmp_path: Path) -> None:
    path = save(tmp_path / "w.bin", {"a": torch.ones(4).to(torch.float8_e4m3fn)})
    assert [each.dtype for each in judge(path)[1]] == ["F8_E4M3"]


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_executed(tmp_path: Path, form: str) -> None:
    path = save(tmp_path / "w.bin", {"a": torch.ones(2), "bomb": Bomb(tmp_path / "exploded")}, **FORMS[form])
    content, tensors = judge(path)
    assert content.state == "whole"
    assert [each.name for each in tensors] == ["a"]
    assert not (tmp_path / "exploded").exists()


def test_a_pickle_that_would_fill_the_memory_is_only_walked() -> None:
    nested: tuple[Any, ...] = ("x",)
    for _ in range(60):
        nested = (nested, nested)
    assert walk(io.BytesIO(pickle.dumps({"a": nested}, protocol=2))).storages == {}


@pytest.mark.parametrize("form", ["new", "old"])
@pytest.mark.parametrize("cut", [1, 30, 300])
def test_a_cut_archive_is_not_whole(tmp_path: Path, form: str, cut: int) -> None:
    path = save(tmp_path / "w.bin", weights(), **FORMS[form])
    os.truncate(path, path.stat().st_size - cut)
    assert judge(path)[0].state == ("broken" if form == "new" else "truncated")


def test_an_old_archive_says_how_long_it_should_be(tmp_path: Path) -> None:
    path = save(tmp_path / "w.bin", weights(), **FORMS["old"])
    size = path.stat().st_size
    os.truncate(path, size + 9)
    assert (judge(path)[0].state, judge(path)[0].expected_size) == ("padded", size)


def rezipped(path: Path, change: Any) -> Path:
    """The archive with its members passed through ``change(name, bytes)``, which drops those it gives None for."""
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w") as target:
        for name, content in members.items():
            changed = change(name, content)
            if changed is not None:
                target.writestr(name, changed)
    return path


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda name, content: None if name.endswith("/data/0") else content, "lacks its member data/0"),
        (lambda name, content: content[:-1] if name.endswith("/data/0") else content, "bytes promised"),
        (lambda name, content: None if name.endswith("data.pkl") else content, "no data.pkl"),
        (lambda name, content: content[:50] if name.endswith("data.pkl") else content, ""),
        (lambda name, content: b"\xff" * 9 if name.endswith("data.pkl") else content, ""),
    ],
)
def test_an_archive_that_lacks_something_says_what(tmp_path: Path, change: Any, problem: str) -> None:
    content, _ = judge(rezipped(save(tmp_path / "w.bin", weights()), change))
    assert content.state == "broken"
    assert problem in content.problem


def test_what_is_no_archive_says_so(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"nothing of torch")
    assert judge(tmp_path / "w.bin")[0].state == "broken"


CALM = settings(deadline=None, suppress_health_check=[*HealthCheck], max_examples=150)


@CALM
@given(content=some.binary(max_size=300))
def test_random_pickles_break_or_walk(content: bytes) -> None:
    try:
        walk(io.BytesIO(content))
    except BrokenPickle as err:
        assert str(err)


@CALM
@given(form=some.sampled_from(["new", "old"]), at=some.integers(0, 3000), data=some.binary(min_size=1, max_size=6))
def test_changed_archives_get_a_verdict(tmp_path: Path, form: str, at: int, data: bytes) -> None:
    path = tmp_path / f"{form}.bin"
    if not path.exists():
        save(path, weights(), **FORMS[form])
    content = bytearray(path.read_bytes())
    content[at % len(content) : at % len(content) + len(data)] = data
    (tmp_path / "changed.bin").write_bytes(content)
    assert judge(tmp_path / "changed.bin")[0].state in {"whole", "truncated", "padded", "broken", "html"}

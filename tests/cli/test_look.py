"""The bare command: it looks, changes nothing, and says what comes next."""

from __future__ import annotations

from pathlib import Path

from tests import shards

from .command import alone, autoglm_fix
from .test_repair import tree


def test_it_names_the_models_it_finds_and_an_inventory_to_begin_with(tmp_path: Path, state_dir: Path) -> None:
    model = shards.model(tmp_path / "models" / "name")
    before = tree(tmp_path)
    # Another test may run a service meanwhile.
    found = autoglm_fix(HOME=str(tmp_path), begin=alone())
    assert (found.code, found.err) == (0, "")
    assert f"  {model}\n" in found.out
    assert f"          model: {model}\n" in found.out
    assert "autoglm-fix run no-output -i inventory.yml --dry-run" in found.out
    assert (tree(tmp_path), list(state_dir.iterdir())) == (before, [])


def test_a_damaged_model_is_listed_with_what_it_lacks(tmp_path: Path) -> None:
    shard = shards.model(tmp_path / "models" / "name") / shards.shard_name(2)
    shard.write_bytes(shard.read_bytes()[:1000])
    assert f"{shard.name} is truncated" in autoglm_fix(HOME=str(tmp_path)).out

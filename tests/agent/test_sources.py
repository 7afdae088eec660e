from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from autoglm_fix.agent import memory
from autoglm_fix.agent.sources import with_imports

PACKAGE = "autoglm_fix.agent.sample"


@pytest.fixture(autouse=True)
def _sample() -> Iterator[None]:
    importer = memory.install(
        {
            f"{PACKAGE}.__init__": "NAME = 1\n",
            f"{PACKAGE}.top": "from . import leaf\nfrom ..unknown import CannotTell\n",
            f"{PACKAGE}.leaf": "def late():\n    from .deep import other\n    return other\n",
            f"{PACKAGE}.deep.__init__": "",
            f"{PACKAGE}.deep.other": "import json\n",
            f"{PACKAGE}.named": "from . import NAME\n",
        }
    )
    yield
    sys.meta_path.remove(importer)


def test_a_module_comes_with_all_that_it_imports_from_the_agent() -> None:
    found = with_imports(f"{PACKAGE}.top")
    assert {f"{PACKAGE}.top", f"{PACKAGE}.leaf", f"{PACKAGE}.deep.other", "autoglm_fix.agent.unknown"} <= found.keys()
    assert not any(name.startswith("json") for name in found)


def test_packages_above_a_module_are_empty_unless_their_names_are_used() -> None:
    assert with_imports(f"{PACKAGE}.top")[f"{PACKAGE}.__init__"] == ""
    assert with_imports(f"{PACKAGE}.named")[f"{PACKAGE}.__init__"] == "NAME = 1\n"


def test_a_module_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ImportError, match=r"no module autoglm_fix\.agent\.nowhere"):
        with_imports("autoglm_fix.agent.nowhere")

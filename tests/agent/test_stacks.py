"""Which py-spy is run as root: a program that nobody but root could have put where it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_fix.agent.starting.stacks import trusted

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="it is about what root runs")
NOBODY = 65534


@pytest.fixture
def spy() -> Iterator[Path]:
    """A program in the environment of a service, in folders that root alone may write."""
    with tempfile.TemporaryDirectory(dir="/opt") as folder:
        path = Path(folder) / "venv" / "bin" / "py-spy"
        path.parent.mkdir(0o755, parents=True)
        shutil.copy(shutil.which("true") or "/bin/true", path)
        path.chmod(0o755)
        if trusted([str(path)]) != (str(path), ""):
            pytest.skip("others than root may write into /opt here")
        yield path


def test_a_program_of_root_is_taken_also_through_a_link_and_after_one_that_is_not_there(spy: Path) -> None:
    link = spy.with_name("link")
    link.symlink_to(spy)
    assert trusted(["/nowhere/py-spy", str(link)]) == (str(spy), "")


def test_a_script_is_not_run_however_it_lies(spy: Path) -> None:
    spy.write_text("#!/opt/venv/bin/python\n")
    assert trusted([str(spy)]) == ("", f"{spy} is a script, or others may write there")


@pytest.mark.parametrize("above", [0, 1, 2, 3])
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_what_others_may_write_or_lies_where_they_may_is_not_run(spy: Path, above: int, mode: int) -> None:
    [spy, *spy.parents][above].chmod(mode)
    assert trusted([str(spy)])[0] == ""


@pytest.mark.parametrize("above", [0, 1, 2, 3])
def test_what_is_somebody_elses_or_lies_in_a_folder_of_theirs_is_not_run(spy: Path, above: int) -> None:
    os.chown([spy, *spy.parents][above], NOBODY, NOBODY)
    assert trusted([str(spy)])[0] == ""


def test_none_is_said() -> None:
    assert trusted(["/nowhere/py-spy", "/opt"]) == ("", "py-spy is not on this host")

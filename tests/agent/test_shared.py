"""What a path is called by all hosts that have its filesystem, and the lock that keeps others out of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoglm_fix.agent.changes import CannotChange
from autoglm_fix.agent.changes.restart import Restart
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.service import ServiceSpec
from autoglm_fix.agent.shared import alone, resources, shared

ROOT = "22 1 8:1 / / rw - ext4 /dev/sda1 rw"
NFS = "30 22 0:50 / /mnt/nas rw - nfs4 nas:/export rw"
DEEPER = "31 30 0:51 / /mnt/nas/models rw - nfs nas:/export/models rw"
BOUND = "32 22 0:50 /glm /models rw - nfs4 nas:/export rw"
HIDDEN = "33 30 8:2 / /mnt/nas/local rw - ext4 /dev/sdb1 rw"
SPACED = "34 22 0:52 / /mnt/two\\040words rw - ceph a,b:/x rw"
SSHFS = "35 22 0:53 / /mnt/s rw - fuse.sshfs li@nas:/srv rw"
OWN = "36 22 0:54 / /mnt/o rw - fuse.portal portal rw"
TAG = "37 22 0:55 / /mnt/9 rw - 9p models rw"
OVER = "38 30 0:56 / /mnt/nas rw - tmpfs tmpfs rw"


@pytest.mark.parametrize(
    ("mounts", "path", "key"),
    [
        ([ROOT, NFS], "/mnt/nas/glm/config.json", "nas:/export/glm/config.json"),
        ([ROOT, NFS], "/mnt/nasty/config.json", None),
        ([ROOT, NFS], "/srv/glm", None),
        ([ROOT, NFS, DEEPER], "/mnt/nas/models/glm", "nas:/export/models/glm"),
        ([ROOT, NFS, BOUND], "/models/config.json", "nas:/export/glm/config.json"),
        ([ROOT, NFS, HIDDEN], "/mnt/nas/local/x", None),
        ([ROOT, NFS, OVER], "/mnt/nas/x", None),
        ([ROOT, SPACED], "/mnt/two words/x", "ceph a,b:/x/x"),
        ([ROOT, SSHFS], "/mnt/s/x", "fuse.sshfs li@nas:/srv/x"),
        ([ROOT, OWN], "/mnt/o/x", None),
        ([ROOT, TAG], "/mnt/9/x", "9p models/x"),
        ([], "/x", None),
        (["nonsense"], "/x", None),
    ],
)
def test_a_path_has_one_name_on_all_hosts_wherever_it_is_mounted(
    mounts: list[str], path: str, key: str | None, tmp_path: Path
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text("".join(f"{line}\n" for line in mounts))
    found = shared(path, str(table))
    assert (found and found.key) == key


@pytest.fixture
def mounted() -> Iterator[Path]:
    """A folder that is on a filesystem which other hosts may have."""
    if shutil.which("bindfs") is None or not os.path.exists("/dev/fuse"):
        pytest.skip("bindfs and /dev/fuse are needed for a shared filesystem: scripts/lab installs them")
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)  # others than root pass as well
        source, at = Path(top, "source"), Path(top, "at")
        source.mkdir()
        at.mkdir()
        done = subprocess.run(["bindfs", source, at], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no filesystem can be mounted here: {done.stderr.strip()}")
        yield at
        subprocess.run(["umount", "-l", at], check=True)  # whatever else looks at this machine's mounts


def test_nobody_else_is_let_in_and_the_holder_is_named(mounted: Path) -> None:
    path = str(mounted / "model.txt")
    lock = mounted / ".model.txt.autoglm-fix-lock"
    holder = {"by": "run 1", "host": "gpu07", "since": "noon", "pid": 1, "machine": "m", "boot": "another"}
    lock.write_text(json.dumps(holder))
    with pytest.raises(CannotChange, match="run 1 on gpu07, since noon") as refused, alone(path, "run 2"):
        pytest.fail("two are in")
    assert refused.value.hint.endswith(f"`rm {lock}`")
    assert os.listdir(mounted) == [lock.name]


def test_it_is_gone_afterwards_and_who_has_it_may_enter_again(mounted: Path) -> None:
    path = str(mounted / "model.txt")
    with alone(path, "run 1"):
        assert len(os.listdir(mounted)) == 1
        with alone(path, "an undo"):
            assert len(os.listdir(mounted)) == 1
        assert len(os.listdir(mounted)) == 1
    assert os.listdir(mounted) == []


def test_what_a_process_of_this_host_left_that_is_no_more_is_taken_over(mounted: Path) -> None:
    path = str(mounted / "model.txt")
    pid = os.fork()
    if pid == 0:
        with alone(path, "run 1"):
            os._exit(0)
    os.waitpid(pid, 0)
    assert len(os.listdir(mounted)) == 1
    with alone(path, "run 2"):
        assert json.loads((mounted / ".model.txt.autoglm-fix-lock").read_text())["by"] == "run 2"
    assert os.listdir(mounted) == []


def loads(service: ServiceSpec) -> str:
    return resources(Context(service), Restart({}, "glm"))["loads"]


def named(cache: Path, **more: str) -> ServiceSpec:
    """A service whose model is named by its id on a hub."""
    return ServiceSpec(model="zai-org/GLM", environment={"HF_HOME": str(cache), **more})


def cached(cache: Path) -> Path:
    repo = cache / "hub" / "models--zai-org--GLM"
    (repo / "snapshots" / "c0ffee").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("c0ffee")
    (repo / "blobs").mkdir()
    return repo


def test_a_start_loads_a_hubs_model_from_the_filesystem_of_its_cache(mounted: Path, tmp_path: Path) -> None:
    repo = cached(mounted)
    there = shared(str(mounted / "x"))
    assert there is not None
    assert loads(named(mounted)) == there.filesystem == loads(ServiceSpec(model=str(mounted)))
    (repo / "blobs" / "f00.incomplete").touch()
    assert loads(named(mounted)) == "huggingface.co"
    cached(tmp_path)
    assert loads(named(tmp_path)) == ""


@pytest.mark.parametrize(
    ("variables", "source"),
    [
        ({}, "huggingface.co"),
        ({"HF_ENDPOINT": "https://hub.example.com:8443/mirror"}, "hub.example.com:8443"),
        ({"HF_HUB_OFFLINE": "1"}, ""),
        ({"VLLM_USE_MODELSCOPE": "True"}, "modelscope.cn"),
    ],
)
def test_a_start_that_has_to_download_its_model_loads_it_from_the_hub(
    variables: dict[str, str], source: str, tmp_path: Path
) -> None:
    assert loads(named(tmp_path, HOME=str(tmp_path), **variables)) == source


@pytest.mark.skipif(os.geteuid() != 0, reason="another owner needs root")
def test_the_lock_is_made_and_removed_with_the_rights_of_the_folders_owner(mounted: Path) -> None:
    folder = mounted / "of-nobody"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    with alone(str(folder / "model.txt"), "run 1"):
        (lock,) = folder.iterdir()
        assert lock.stat().st_uid == 65534
    assert list(folder.iterdir()) == []


def test_a_path_of_this_host_alone_needs_no_lock(tmp_path: Path) -> None:
    with alone(str(tmp_path / "model.txt"), "run 1"):
        assert os.listdir(tmp_path) == []

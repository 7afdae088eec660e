"""model_files: who may read the model, without becoming that user."""

from __future__ import annotations

import json
import os
import pwd
import struct
from pathlib import Path
from typing import Any

import pytest

from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.unknown import CannotTell
from tests import shards
from tests.shards import look


def open_to_all(folder: Path) -> Path:
    """The folder, below folders that all may enter, which pytest's own are not."""
    for each in (folder, *folder.parents[:-2]):
        if not each.stat().st_mode & 0o1:
            each.chmod(0o755)
    return folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
class TestTheServicesUser:
    USER = "nobody"

    @pytest.fixture
    def shared(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return shards.model(open_to_all(tmp_path_factory.mktemp("shared")) / "model")

    def barriers(self, shared: Path, user: str | None = USER) -> dict[str, str]:
        fact = look(shared, user=user)
        found = {each.name: each.barrier for each in fact.files if each.barrier}
        return found or ({"": fact.detail} if fact.state == "unreadable" else {})

    def test_reads_what_all_may_read(self, shared: Path) -> None:
        assert self.barriers(shared) == {}

    def test_is_kept_out_by_a_files_mode(self, shared: Path) -> None:
        path = shared / shards.shard_name(2)
        path.chmod(0o600)
        assert self.barriers(shared) == {path.name: str(path)}

    def test_is_kept_out_by_a_folder_above(self, shared: Path) -> None:
        shared.parent.chmod(0o700)
        assert self.barriers(shared) == {"": str(shared.parent)}

    def test_may_list_but_not_enter(self, shared: Path) -> None:
        shared.chmod(0o744)
        assert self.barriers(shared) == {"": str(shared)}

    def test_is_kept_out_behind_a_link(self, shared: Path) -> None:
        path = shared / shards.shard_name(1)
        hidden = shared.parent / "hidden"
        hidden.mkdir(mode=0o700)
        path.rename(hidden / "blob")
        path.symlink_to("../hidden/blob")
        assert self.barriers(shared) == {path.name: str(hidden)}

    def test_gets_in_as_owner_or_by_group(self, shared: Path) -> None:
        entry = pwd.getpwnam(self.USER)
        first, second = shared / shards.shard_name(1), shared / shards.shard_name(2)
        first.chmod(0o400)
        second.chmod(0o440)
        os.chown(first, entry.pw_uid, 0)
        os.chown(second, 0, entry.pw_gid)
        assert self.barriers(shared) == {}

    def test_is_kept_out_as_owner_where_only_others_may(self, shared: Path) -> None:
        path = shared / shards.shard_name(1)
        os.chown(path, pwd.getpwnam(self.USER).pw_uid, 0)
        path.chmod(0o044)
        assert self.barriers(shared) == {path.name: str(path)}

    def test_that_is_root_or_unknown_here_is_never_kept_out(self, shared: Path) -> None:
        (shared / shards.shard_name(2)).chmod(0o000)
        assert self.barriers(shared, user=None) == self.barriers(shared, user="root") == {}
        assert self.barriers(shared, user="only-in-a-container") == {}

    @pytest.mark.parametrize(("rights", "mask", "gets_in"), [(4, 4, True), (4, 0, False), (0, 4, False)])
    def test_gets_in_by_an_access_list(self, shared: Path, rights: int, mask: int, gets_in: bool) -> None:
        path, nobody = shared / shards.shard_name(1), pwd.getpwnam(self.USER).pw_uid
        entries = [(0x01, 6, -1), (0x02, rights, nobody), (0x04, 0, -1), (0x10, mask, -1), (0x20, 0, -1)]
        packed = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
        try:
            os.setxattr(path, "system.posix_acl_access", packed)
        except OSError as err:
            pytest.skip(f"no access lists here: {err}")
        assert self.barriers(shared) == ({} if gets_in else {path.name: str(path)})

    def test_may_be_given_by_number(self, shared: Path) -> None:
        (shared / shards.shard_name(2)).chmod(0o600)
        uid = str(pwd.getpwnam(self.USER).pw_uid)
        assert list(self.barriers(shared, user=uid)) == [shards.shard_name(2)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
class TestAnAgentThatIsNotRoot:
    NOBODY = 65534

    def as_nobody(self, folder: Path, user: str | None) -> dict[str, Any]:
        """What an agent that runs as nobody says of the folder."""
        source, sink = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(self.NOBODY)
                os.setuid(self.NOBODY)
                try:
                    said = plain(look(folder, user=user))
                except CannotTell as err:
                    said = {"cannot tell": str(err)}
                os.write(sink, json.dumps(said).encode())
            finally:
                os._exit(0)
        os.close(sink)
        with os.fdopen(source, "rb") as answer:
            said = json.loads(answer.read())
        os.waitpid(child, 0)
        assert isinstance(said, dict)
        return said

    @pytest.fixture
    def shared(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return open_to_all(tmp_path_factory.mktemp("shared"))

    def test_says_what_keeps_its_own_user_out(self, shared: Path) -> None:
        model = shards.model(shared / "closed" / "model")
        model.parent.chmod(0o700)
        said = self.as_nobody(model, None)
        assert (said["state"], said["detail"]) == ("unreadable", str(model.parent))

    def test_says_so_behind_a_link_too(self, shared: Path) -> None:
        model = shards.model(shared / "closed" / "model")
        model.parent.chmod(0o700)
        (shared / "link").symlink_to(model)
        assert self.as_nobody(shared / "link", "nobody")["state"] == "unreadable"

    def test_cannot_tell_what_another_user_sees_there(self, shared: Path) -> None:
        model = shards.model(shared / "closed" / "model")
        model.parent.chmod(0o700)
        assert "may not look" in self.as_nobody(model, "root")["cannot tell"]

    def test_cannot_tell_what_is_in_a_file_that_only_the_service_may_read(self, shared: Path) -> None:
        model = shards.model(shared / "model")
        (model / shards.shard_name(2)).chmod(0o600)
        assert "permission denied" in self.as_nobody(model, "root")["cannot tell"]

"""source: what a folder, a server or a hub has for this model, and why not where it has nothing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autoglm_fix.agent.collect import plain
from autoglm_fix.agent.context import Context
from autoglm_fix.agent.facts.source import Source
from autoglm_fix.agent.offers.offer import checksums, safe
from autoglm_fix.agent.service import ServiceSpec
from tests.file_server import FileServer, serving
from tests.weight_files import hub_cache, write_model

INDEX = "model.safetensors.index.json"
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
SMALL = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]
ALL = sorted([*SHARDS, *SMALL, INDEX])
COMMIT = "c" * 40


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    for name in ("HF_ENDPOINT", "HF_TOKEN", "MODELSCOPE_ENDPOINT", "MODELSCOPE_DOMAIN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    return write_model(tmp_path / "mirror" / "AutoGLM-Phone-9B")


def ask(from_: str, model: Path | str, **more: Any) -> Source:
    """The source as the controller gets it: through JSON."""
    service = ServiceSpec(model=str(model), environment=more.pop("environment", {}), **more)
    found = Source.collect(Context(service), from_=from_)
    return msgspec.convert(json.loads(json.dumps(plain(found))), Source)


def names(source: Source) -> list[str]:
    return sorted(offer.name for offer in source.offers)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A model with a shard cut in half."""
    folder = write_model(tmp_path / "models" / "AutoGLM-Phone-9B")
    shard = folder / SHARDS[1]
    shard.write_bytes(shard.read_bytes()[:1000])
    return folder


def test_without_a_source_nothing_is_offered_and_nothing_looked_at() -> None:
    assert ask("", "/nowhere") == Source("", "none")


@pytest.mark.parametrize("given", ["models/x/y", "x", "ftp://host/dir", "a b/c", "hf:", "hf:a/b/c", "$(reboot)/x y"])
def test_what_is_no_source_is_said(given: str, broken: Path) -> None:
    assert ask(given, broken).state == "invalid"


# Folders of the host


def test_a_folder_that_is_the_model(broken: Path, mirror: Path) -> None:
    source = ask(str(mirror), broken)
    assert (source.state, source.where, source.problem) == ("ok", str(mirror), "")
    assert names(source) == ALL
    assert source.weights == SHARDS
    assert source.model_type == "glm4"
    assert source.reads == [str(mirror)]
    offer = source.offer(SHARDS[1])
    assert offer is not None
    assert (offer.locator, offer.size) == (str(mirror / SHARDS[1]), (mirror / SHARDS[1]).stat().st_size)
    assert offer.names
    assert not offer.problem


@pytest.mark.parametrize(
    "below",
    ["AutoGLM-Phone-9B", "models/AutoGLM-Phone-9B", "hub/models--zai-org--AutoGLM-Phone-9B/snapshots/main"],
)
def test_a_folder_that_holds_the_model(broken: Path, tmp_path: Path, below: str) -> None:
    write_model(tmp_path / "share" / below)
    source = ask(f"file://{tmp_path}/share", broken)
    assert (source.state, source.where) == ("ok", str(tmp_path / "share" / below))


def test_a_hubs_cache_gives_the_digests_of_its_blobs(broken: Path, mirror: Path, tmp_path: Path) -> None:
    snapshot = hub_cache(tmp_path / "cache", "zai-org/AutoGLM-Phone-9B", mirror, COMMIT)
    (snapshot.parent / ("d" * 40)).mkdir()
    source = ask(str(tmp_path / "cache"), broken)
    assert (source.where, source.revision) == (str(snapshot), COMMIT)
    offer = source.offer(SHARDS[0])
    assert offer is not None
    assert offer.sha256 == sha256(mirror / SHARDS[0])


def test_two_models_of_one_name_in_a_cache_are_ambiguous(broken: Path, mirror: Path, tmp_path: Path) -> None:
    for org in ("zai-org", "ZhipuAI"):
        hub_cache(tmp_path / "cache", f"{org}/AutoGLM-Phone-9B", mirror)
    source = ask(str(tmp_path / "cache"), broken)
    assert source.state == "ambiguous"
    assert "zai-org" in source.problem
    assert "ZhipuAI" in source.problem


def test_an_id_on_a_hub_tells_them_apart(mirror: Path, tmp_path: Path) -> None:
    for org in ("zai-org", "ZhipuAI"):
        hub_cache(tmp_path / "cache", f"{org}/AutoGLM-Phone-9B", mirror)
    source = ask(str(tmp_path / "cache"), "ZhipuAI/AutoGLM-Phone-9B", environment={"HF_HOME": str(tmp_path / "none")})
    assert "ZhipuAI" in source.where


def test_lists_of_checksums_in_the_folder_are_used(broken: Path, mirror: Path) -> None:
    (mirror / "SHA256SUMS").write_text(f"{'A' * 64}  {SHARDS[0]}\n{'b' * 64} *./{INDEX}\n")
    (mirror / f"{SHARDS[1]}.sha256").write_text("e" * 64 + "\n")
    source = ask(str(mirror), broken)
    digests = {offer.name: offer.sha256 for offer in source.offers if offer.sha256}
    assert digests == {SHARDS[0]: "a" * 64, INDEX: "b" * 64, SHARDS[1]: "e" * 64}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n", "it is lfs-pointer"),
        (b"", "it is truncated"),
        (b"<!DOCTYPE html><p>Sign in", "it is html"),
        (b"\xff" * 5000, "header"),
    ],
    ids=["pointer", "empty", "web page", "garbage"],
)
def test_a_bad_file_of_the_source_is_named_as_bad(broken: Path, mirror: Path, content: bytes, problem: str) -> None:
    (mirror / SHARDS[1]).write_bytes(content)
    offer = ask(str(mirror), broken).offer(SHARDS[1])
    assert offer is not None
    assert problem in offer.problem


def test_a_shard_that_the_source_lacks_is_not_offered(broken: Path, mirror: Path) -> None:
    (mirror / SHARDS[1]).unlink()
    source = ask(str(mirror), broken)
    assert source.offer(SHARDS[1]) is None


@pytest.mark.parametrize("make", ["nothing", "file", "empty", "other"])
def test_a_folder_without_the_model_is_said(broken: Path, tmp_path: Path, make: str) -> None:
    place = tmp_path / "place"
    if make == "file":
        place.write_text("x")
    elif make != "nothing":
        place.mkdir()
    if make == "other":
        write_model(place / "Qwen2-7B")
    source = ask(str(place), broken)
    assert source.state == "missing"
    assert str(place) in source.problem


def test_a_source_that_the_services_user_may_not_read_serves_all_the_same(broken: Path, mirror: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can read what the service's user cannot")
    mirror.chmod(0o700)
    for folder in mirror.parents[1], mirror.parents[2]:
        folder.chmod(0o755)
    source = ask(str(mirror), broken, user="nobody")
    assert source.state == "ok"


def test_small_files_that_the_model_has_already_are_told(broken: Path, mirror: Path) -> None:
    (mirror / "config.json").write_text((mirror / "config.json").read_text() + " ")
    same = {offer.name for offer in ask(str(mirror), broken).offers if offer.same}
    assert same == {INDEX, "generation_config.json", "tokenizer.json", "tokenizer_config.json"}


# Plain servers


@pytest.fixture
def server(mirror: Path) -> Iterator[FileServer]:
    with serving({f"/m/{file.name}": file.read_bytes() for file in mirror.iterdir()}) as running:
        yield running


def test_a_server_is_asked_for_each_file_and_for_no_content(broken: Path, mirror: Path, server: FileServer) -> None:
    source = ask(f"{server.url}/m/", broken)
    assert (source.state, source.where) == ("ok", f"{server.url}/m")
    assert names(source) == ALL
    assert source.weights == SHARDS
    assert source.model_type == "glm4"
    offer = source.offer(SHARDS[0])
    assert offer is not None
    assert offer.locator == f"{server.url}/m/{SHARDS[0]}"
    assert offer.size == (mirror / SHARDS[0]).stat().st_size
    assert offer.etag is not None
    assert not [path for path in server.asked("GET") if path.endswith(".safetensors")]


def test_a_server_that_has_the_model_in_a_folder_of_its_name(broken: Path, server: FileServer) -> None:
    server.files = {path.replace("/m/", "/share/AutoGLM-Phone-9B/"): each for path, each in server.files.items()}
    assert ask(f"{server.url}/share", broken).where == f"{server.url}/share/AutoGLM-Phone-9B"


def test_the_sources_index_names_the_shards_of_a_model_that_is_not_there(tmp_path: Path, server: FileServer) -> None:
    source = ask(f"{server.url}/m", tmp_path / "gone" / "AutoGLM-Phone-9B")
    assert source.weights == SHARDS
    assert names(source) == ALL


@pytest.mark.parametrize(
    "lists",
    [
        {"SHA256SUMS": f"{'a' * 64}  {SHARDS[0]}\n{'b' * 64}  {SHARDS[1]}\n"},
        {f"{SHARDS[0]}.sha256": "a" * 64, f"{SHARDS[1]}.sha256": f"{'b' * 64}  {SHARDS[1]}\n"},
    ],
    ids=["one list", "one a file"],
)
def test_checksums_that_a_server_publishes_are_used(broken: Path, server: FileServer, lists: dict[str, str]) -> None:
    server.files.update({f"/m/{name}": text.encode() for name, text in lists.items()})
    source = ask(f"{server.url}/m", broken)
    assert [(source.offer(name) or source.offers[0]).sha256 for name in SHARDS] == ["a" * 64, "b" * 64]


def test_a_server_without_head_is_asked_with_a_range_of_one_byte(
    broken: Path, mirror: Path, server: FileServer
) -> None:
    for file in mirror.iterdir():
        server.statuses[f"/m/{file.name}"] = []
    server.refuses_head = True
    source = ask(f"{server.url}/m", broken)
    assert names(source) == ALL
    offer = source.offer(SHARDS[0])
    assert offer is not None
    assert offer.size == (mirror / SHARDS[0]).stat().st_size


def test_a_page_for_whatever_one_asks_is_no_offer(broken: Path, server: FileServer) -> None:
    server.page_for_all = b"<html>Sign in</html>"
    source = ask(f"{server.url}/m", broken)
    assert source.state == "missing"


@pytest.mark.parametrize(
    ("status", "state"), [(404, "missing"), (401, "refused"), (403, "refused"), (500, "unreachable")]
)
def test_why_a_server_offers_nothing(broken: Path, server: FileServer, status: int, state: str) -> None:
    server.status_for_all = status
    source = ask(f"{server.url}/m", broken)
    assert source.state == state
    assert source.problem


def test_nobody_there_is_unreachable(broken: Path) -> None:
    with serving() as gone:
        pass
    source = ask(f"{gone.url}/m", broken)
    assert source.state == "unreachable"
    assert "refused" in source.problem


@pytest.mark.parametrize(
    "given", ["http://user:pw@127.0.0.1/m", "http://127.0.0.1/m?sig=secret", "http:///m", "http://[", "http://[::1"]
)
def test_secrets_in_an_address_are_not_taken(broken: Path, given: str) -> None:
    source = ask(given, broken)
    assert source.state == "invalid"
    assert "secret" not in source.problem


# Hubs


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@pytest.fixture
def hub(mirror: Path) -> Iterator[FileServer]:
    """A server of the Hugging Face API's shape."""
    entries: list[dict[str, Any]] = [{"type": "directory", "path": "original", "oid": "0" * 40}]
    files = {}
    for file in sorted(mirror.iterdir()):
        content = file.read_bytes()
        entry: dict[str, Any] = {"type": "file", "path": file.name, "size": len(content), "oid": git_id(content)}
        if file.suffix == ".safetensors":
            entry |= {"oid": "1" * 40, "lfs": {"oid": sha256(file), "size": len(content), "pointerSize": 134}}
        entries.append(entry)
        files[f"/zai-org/AutoGLM-Phone-9B/resolve/{COMMIT}/{file.name}"] = content
    entries += [
        {"type": "file", "path": "../../etc/passwd.json", "size": 1, "oid": "2" * 40},
        {"type": "file", "path": "training.log", "size": 1, "oid": "2" * 40},
    ]
    with serving(files) as running:
        api = "/api/models/zai-org/AutoGLM-Phone-9B"
        tree = f"{api}/tree/{COMMIT}?recursive=true"
        running.answers[f"{api}/revision/main"] = {"sha": COMMIT}
        running.answers[tree] = entries[:4]
        running.answers[f"{tree}&cursor=x"] = entries[4:]
        running.links[tree] = f'<{running.url}{tree}&cursor=x>; rel="next"'
        yield running


@pytest.mark.parametrize("given", ["hf:zai-org/AutoGLM-Phone-9B", "zai-org/AutoGLM-Phone-9B"])
def test_the_hub_tells_sizes_and_digests_at_one_commit(
    broken: Path, mirror: Path, hub: FileServer, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    source = ask(given, broken)
    assert (source.state, source.revision, source.auth) == ("ok", COMMIT, "hf")
    assert names(source) == ALL
    assert source.weights == SHARDS
    offer, small = source.offer(SHARDS[0]), source.offer("config.json")
    assert offer is not None
    assert small is not None
    assert offer.locator == f"{hub.url}/zai-org/AutoGLM-Phone-9B/resolve/{COMMIT}/{SHARDS[0]}"
    assert (offer.sha256, offer.git_oid) == (sha256(mirror / SHARDS[0]), None)
    assert (small.sha256, small.git_oid) == (None, git_id((mirror / "config.json").read_bytes()))
    assert small.same
    assert not offer.same


def test_the_services_own_mirror_is_asked(broken: Path, hub: FileServer) -> None:
    source = ask("hf:zai-org/AutoGLM-Phone-9B", broken, environment={"HF_ENDPOINT": f"{hub.url}/"})
    assert source.state == "ok"


def test_the_commit_in_the_services_cache_is_asked_for(hub: FileServer, tmp_path: Path, mirror: Path) -> None:
    hub_cache(tmp_path / "hub", "zai-org/AutoGLM-Phone-9B", mirror, COMMIT)
    hub.answers[f"/api/models/zai-org/AutoGLM-Phone-9B/revision/{COMMIT}"] = {"sha": COMMIT}
    del hub.answers["/api/models/zai-org/AutoGLM-Phone-9B/revision/main"]
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}
    assert ask("zai-org/AutoGLM-Phone-9B", "zai-org/AutoGLM-Phone-9B", environment=environment).state == "ok"


@pytest.mark.parametrize(
    ("status", "state", "hint"), [(401, "refused", "HF_TOKEN"), (403, "refused", "licence"), (404, "missing", "")]
)
def test_a_gated_or_unknown_model_is_said(broken: Path, hub: FileServer, status: int, state: str, hint: str) -> None:
    for path in ("/api/models/a/b/revision/main", f"/zai-org/AutoGLM-Phone-9B/resolve/{COMMIT}/config.json"):
        hub.statuses[path] = [status]
    for model in ("a/b", "zai-org/AutoGLM-Phone-9B"):
        source = ask(f"hf:{model}", broken, environment={"HF_ENDPOINT": hub.url})
        assert source.state == state
        assert hint in source.hint


@pytest.mark.parametrize("answer", [[], {}, "x", None, [1, None], {"sha": 5}], ids=str)
def test_a_hub_that_answers_nonsense_offers_nothing(broken: Path, hub: FileServer, answer: Any) -> None:
    hub.answers = dict.fromkeys([*hub.answers, "/api/models/zai-org/AutoGLM-Phone-9B/tree/main"], answer)
    source = ask("hf:zai-org/AutoGLM-Phone-9B", broken, environment={"HF_ENDPOINT": hub.url})
    assert source.state in ("missing", "unreachable")


def test_the_next_page_is_not_looked_for_on_another_server(broken: Path, hub: FileServer) -> None:
    with serving() as other:
        tree = next(iter(hub.links))
        hub.links[tree] = f'<{other.url}/next>; rel="next"'
        assert ask("hf:zai-org/AutoGLM-Phone-9B", broken, environment={"HF_ENDPOINT": hub.url}).state == "ok"
        assert other.requests == []


def test_modelscope_tells_sizes_and_digests(broken: Path, mirror: Path) -> None:
    listed = [
        {"Path": file.name, "Size": file.stat().st_size, "Sha256": sha256(file), "Type": "blob"}
        for file in mirror.iterdir()
    ]
    with serving() as server:
        files = "/api/v1/models/ZhipuAI/AutoGLM-Phone-9B/repo/files?Revision=master&Recursive=True"
        server.answers[files] = {
            "Code": 200,
            "Success": True,
            "Data": {"Files": [*listed, {"Path": "x", "Type": "tree"}]},
        }
        base = "/models/ZhipuAI/AutoGLM-Phone-9B/resolve/master"
        server.files.update({f"{base}/{file.name}": file.read_bytes() for file in mirror.iterdir()})
        environment = {"MODELSCOPE_ENDPOINT": server.url}
        source = ask("modelscope:ZhipuAI/AutoGLM-Phone-9B", broken, environment=environment)
        assert ask("modelscope:ZhipuAI/Other", broken, environment=environment).state == "missing"
    assert (source.state, source.auth) == ("ok", "")
    assert names(source) == ALL
    offer = source.offer("tokenizer.json")
    assert offer is not None
    assert (offer.locator, offer.sha256) == (f"{server.url}{base}/tokenizer.json", sha256(mirror / "tokenizer.json"))


# Names and lists that others wrote


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "a//b", ".", "..", "", "a\\b", "a\nb", "\u202ex", "x" * 300]
)
def test_a_name_that_leaves_the_folder_is_not_safe(name: str) -> None:
    assert not safe(name)


@pytest.mark.parametrize("name", ["model-00001-of-00002.safetensors", "original/params.json", ".gitattributes"])
def test_a_plain_name_is_safe(name: str) -> None:
    assert safe(name)


@pytest.mark.parametrize("text", ["", "\x00\xff", "a" * 63 + "  x", "<html>" * 100, "SHA256 (x) = " + "a" * 64])
def test_no_list_of_checksums_gives_none(text: str) -> None:
    assert checksums(text) == {}

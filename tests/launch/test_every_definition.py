"""Whatever is asked for of whatever definition: what is read back is that, and nothing else has changed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoglm_fix.agent.changes.recreate import Recreate
from autoglm_fix.agent.changes.write_file import WriteFile
from autoglm_fix.agent.facts.service import Container, Service
from autoglm_fix.launch import ByHand, Edit, edited, read
from tests.launch.services import applied, service, source, texts

HERE = Path(__file__).parent
OPTIONS = ("--max-model-len", "--limit-mm-per-prompt", "--max-num-seqs", "--gpu-memory-utilization", "--chat-template")
FLAGS = ("--enforce-eager", "--enable-prefix-caching")
VARIABLES = ("HF_HOME", "CUDA_VISIBLE_DEVICES", "A", "VLLM_USE_V1")


def definitions() -> dict[str, Service]:
    found: dict[str, Service] = {}
    for name, case in table("units").items():
        files = [source("unit", "/etc/systemd/system/autoglm.service", case["unit"].replace("@@", "autoglm"))]
        for path, text in case.get("drop-ins", {}).items():
            files.append(source("drop-in", f"/etc/systemd/system/autoglm.service.d/{path}", text))
        for path, text in case.get("files", {}).items():
            files.append(source("script" if path.endswith(".sh") else "env-file", path.replace("@@", "autoglm"), text))
        found[f"systemd {name}"] = service("systemd", *files)
    for name, files in table("projects").items():
        kinds = {path: "compose" if path.endswith(".yml") else "env-file" for path in files}
        of = [source(kinds[path], f"/srv/a/{path}", text) for path, text in files.items()]
        found[f"compose {name}"] = service("compose", *of, name="vllm")
    for name, text in table("programs").items():
        found[f"supervisor {name}"] = service("supervisor", source("program", "/etc/a.conf", text), name="autoglm")
    for name, case in table("scripts").items():
        script = source("script", "/srv/start.sh", case["text"])
        unit = "[Service]\nExecStart=/srv/start.sh " + " ".join(f'"{word}"' for word in case.get("argv", []))
        unit += "".join(f"\nEnvironment={name}={value}" for name, value in case.get("environment", {}).items())
        found[f"script {name}"] = service(
            "systemd", source("unit", "/etc/systemd/system/autoglm.service", unit), script
        )
    container = Container("1", "autoglm", "vllm/vllm-openai:v0.12.0")
    argv = ["vllm", "serve", "/m", "--max-model-len", "25480", "--limit-mm-per-prompt", '{"image":10}']
    found["docker"] = service("docker", argv=argv, environment={"A": "b"}, container=container)
    shell = ["sh", "-c", "exec vllm serve /m --max-model-len '25480' --port \"$PORT\""]
    found["docker shell"] = service("docker", argv=shell, environment={"PORT": "1"}, container=container)
    return found


def table(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((HERE / f"{name}.yml").read_text("utf-8"))
    return found


DEFINITIONS = definitions()
awkward = st.text(st.sampled_from("ab0 '\"\\$%#;{}[]:,=&|<>`!*?~()/-_.é手\t"), min_size=1, max_size=12)
values = st.one_of(
    st.integers(0, 99999).map(str),
    st.sampled_from(['{"image": 1, "video": 0}', '{"a":"b c"}', "0.85", "auto", "a b", "it's", "$HOME", "100%"]),
    awkward.filter(lambda text: not text.startswith("-") and text.strip() == text),
)
edits = st.builds(
    Edit,
    st.dictionaries(st.sampled_from(OPTIONS), st.none() | values, max_size=2).flatmap(
        lambda options: st.dictionaries(st.sampled_from(FLAGS), st.none() | st.booleans(), max_size=1).map(
            lambda flags: {**options, **flags}
        )
    ),
    st.dictionaries(st.sampled_from(VARIABLES), st.none() | values | st.just(""), max_size=1),
)


def same(one: str | bool | None, other: str | bool | None) -> bool:
    if isinstance(one, str) and isinstance(other, str) and one[:1] in "{[" and one != other:
        try:
            return bool(json.loads(one) == json.loads(other))
        except ValueError:
            return False
    return one == other


def check(before: Service, wanted: Edit) -> Service | None:
    """The service after an edit, which must be right in every respect; None where a person has to do it."""
    changes = edited(before, wanted, says="x.y", values={})
    if isinstance(changes, ByHand):
        assert changes.command and changes.reason in ("not-found-in-text", "image")
        return None
    then = read(before)
    after = applied(before, [change for change in changes if isinstance(change, (WriteFile, Recreate))])
    now = read(after)
    assert then is not None and now is not None
    options = {name: value for name, value in {**then.options, **wanted.options}.items() if value is not None}
    assert now.options.keys() == options.keys()
    assert all(same(now.options[name], value) for name, value in options.items()), (now.options, options)
    for name, value in wanted.environment.items():
        assert now.environment.get(name) == value
    holders = [name for name, value in then.environment.items() if set(value.split()) & set(then.argv)]
    for name in {*then.environment, *now.environment} - {*wanted.environment, *holders}:
        assert now.environment.get(name) == then.environment.get(name)
    assert (now.engine, now.user, now.working_dir, now.shell) == (then.engine, then.user, then.working_dir, then.shell)
    assert now.model == then.model and now.served_model_name == then.served_model_name
    unchanged_but_for(before, after, len(wanted.options) + len(wanted.environment))
    assert edited(after, wanted, says="x.y", values={}) == []
    return after


def unchanged_but_for(before: Service, after: Service, most: int) -> None:
    """All lines but a few are what they were, to the byte."""
    for path, text in texts(before).items():
        now = texts(after)[path]
        lines = difflib.SequenceMatcher(None, text.splitlines(True), now.splitlines(True), False).get_opcodes()
        gone = [line for tag, a, b, _, _ in lines if tag != "equal" for line in text.splitlines(True)[a:b]]
        assert len(gone) <= 2 * most, (text, now)
        assert ("\r\n" in text) == ("\r\n" in now)


ATTACKS = (
    "a=(" * 300,
    "${a:-" * 300 + "}" * 300,
    '"${a:-' * 200,
    "$(" * 300,
    "((" * 300,
    "case x in x) " * 200,
    "busybox " * 300,
    "env " * 300,
    "sh -c '" * 200,
    "{" * 200 + "," * 200,
    "{" + "," * 1000,
    "[" * 600,
    "\\" * 301,
    "$" * 301,
    "%" * 301,
    "'" * 301,
    '"' * 301,
    "\x1b[31m\x07",
    "{{ lookup('pipe', 'id') }} $(touch /tmp/x) `id` ; rm -rf / | cat\n--model ../../etc/passwd",
    ". /srv/start.sh",
    "\u2028\x85\u200b",
)


def damaged(of: Service, way: Callable[[str], str]) -> Service:
    """The service with each of its texts spoilt."""
    assert of.defined is not None
    sources = [source(each.kind, each.file.inside, way(each.file.text)) for each in of.defined.sources]
    argv = [way(word) for word in of.defined.argv] if of.defined.argv else None
    return replace(of, defined=replace(of.defined, sources=sources, argv=argv))


def survives(of: Service) -> None:
    wanted = Edit({"--max-model-len": "1", "--enforce-eager": True}, {"A": "c"}, {"stop_s": 7.0})
    read(of)
    changes = edited(of, wanted, says="x.y", values={})
    if not isinstance(changes, ByHand):
        after = applied(of, [change for change in changes if isinstance(change, (WriteFile, Recreate))])
        assert edited(after, wanted, says="x.y", values={}) == []


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_definition_that_breaks_off_anywhere_is_no_accident(name: str) -> None:
    for part in range(8):
        survives(damaged(DEFINITIONS[name], lambda text, part=part: text[: len(text) * part // 8]))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: repr(text[:12]))
@pytest.mark.parametrize("name", ["systemd shell", "systemd env-file", "script plain", "compose shell", "docker shell"])
def test_what_a_host_says_never_upsets_the_reader(name: str, attack: str) -> None:
    for way in (
        lambda text: attack,
        lambda text: text.replace("25480", attack),
        lambda text: text.replace("vllm serve", f"{attack} vllm serve"),
        lambda text: text + "\n" + attack,
    ):
        survives(damaged(DEFINITIONS[name], way))


@pytest.mark.parametrize("name", DEFINITIONS)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(first=edits, second=edits)
def test_an_edit_is_read_back_and_nothing_else_has_changed(name: str, first: Edit, second: Edit) -> None:
    after = check(DEFINITIONS[name], first)
    if after is not None:
        check(after, second)

"""The sentences: every code that the package knows has its words, in both languages alike."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

import autoglm_fix
from autoglm_fix import diagnostics
from autoglm_fix.diagnostics import Finding
from autoglm_fix.locale import LANGUAGES, Catalogue

PACKAGE = Path(autoglm_fix.__file__).parent
TOPICS = sorted(
    {
        entry.name
        for language in LANGUAGES
        for entry in resources.files("autoglm_fix.locale").joinpath(language).iterdir()
    }
)
# Codes that are data of their own kind: named in full, wherever they stand.
NAMED = re.compile(r"(?:run|proof|endpoint)\.[a-z][a-z0-9-]*\Z")
FILES = re.compile(r"\.(?:py|yml|yaml|json|md|txt)\Z")


def entries(language: str, topic: str) -> dict[str, Any]:
    source = resources.files("autoglm_fix.locale").joinpath(language, topic)
    return dict(yaml.safe_load(source.read_text("utf-8"))) if source.is_file() else {}


def parts(entry: Any) -> dict[str, str]:
    return entry if isinstance(entry, dict) else {"summary": entry}


def placeholders(sentence: str) -> set[tuple[str, str]]:
    """The names in braces, with their format."""
    found = string.Formatter().parse(sentence)
    return {(name, spec or "") for _, name, spec, _ in found if name is not None}


def findings() -> list[type[Finding]]:
    diagnostics.load()
    return [c for c in all_subclasses(Finding) if c.__module__.startswith("autoglm_fix.") and hasattr(c, "code")]


def all_subclasses(cls: type[Finding]) -> Iterator[type[Finding]]:
    for each in cls.__subclasses__():
        yield each
        yield from all_subclasses(each)


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text("utf-8"))


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Calls of these classes anywhere in the package, with the file they are in."""
    for file, tree in trees():
        for node in ast.walk(tree):
            called = node.func if isinstance(node, ast.Call) else None
            name = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            if isinstance(node, ast.Call) and name in names:
                yield file, node


def literals(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def spoken_codes() -> dict[str, str]:
    """Every code of a refusal, an error or a proof in the sources, with a file it is in."""
    found: dict[str, str] = {}
    for file, call in calls("Declined", "Fault", "Refusal"):
        code = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "code"), None)
        for text in literals(code) if code is not None else ():
            if re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_-]+", text):
                found[text] = file
    for file, tree in trees():
        for text in literals(tree):
            if NAMED.match(text) and not FILES.search(text):
                found[text] = file
    return found


def is_module(code: str) -> bool:
    """Whether a name with a dot is one of the agent's modules rather than a code."""
    return (PACKAGE / "agent" / (code.replace(".", "/") + ".py")).is_file()


# A code ending in "-" is the first part of some that are put together: f"proof.gpu-{reason}".
ALL_SPOKEN = {code: file for code, file in spoken_codes().items() if not is_module(code)}
SPOKEN = {code: file for code, file in ALL_SPOKEN.items() if not code.endswith("-")}
BEGINNINGS = {code: file for code, file in ALL_SPOKEN.items() if code.endswith("-")}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("finding", findings(), ids=lambda cls: cls.code)
def test_every_finding_has_its_words(finding: type[Finding], language: str) -> None:
    catalogue = Catalogue(language)
    names = set(finding.__struct_fields__)
    for part in ("summary", "advice"):
        sentence = catalogue.template(finding.code, part)
        assert sentence, f"{finding.code} has no {part}"
        unknown = {name for name, _ in placeholders(sentence)} - names
        assert not unknown, f"{finding.code} has no field {unknown}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", sorted(SPOKEN))
def test_every_refusal_and_error_has_its_words(code: str, language: str) -> None:
    assert Catalogue(language).template(code, "summary"), f"{code} ({SPOKEN[code]}) has no sentence"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("beginning", sorted(BEGINNINGS))
def test_codes_that_are_put_together_have_words(beginning: str, language: str) -> None:
    topic = entries(language, beginning.split(".")[0] + ".yml")
    assert any(code.startswith(beginning) for code in topic), (
        f"{beginning}... ({BEGINNINGS[beginning]}) has no sentence"
    )


def test_values_named_in_a_sentence_are_handed_over() -> None:
    catalogue = Catalogue("en")
    wrong = []
    for file, call in calls("Declined", "Fault", "Refusal"):
        code, values = [*call.args[:2], None, None][:2]
        if not (isinstance(code, ast.Constant) and isinstance(code.value, str)):
            continue
        if isinstance(values, ast.Dict) and None not in values.keys:
            given = {key.value for key in values.keys if isinstance(key, ast.Constant)}
        elif values is None:
            given = set()
        else:
            continue
        try:
            asked = {
                name for part in ("summary", "advice") for name, _ in placeholders(catalogue.template(code.value, part))
            }
        except (KeyError, OSError):
            continue  # that it has no words is said above
        if asked - given:
            wrong.append(f"{file}: {code.value} is not given {sorted(asked - given)}")
    assert not wrong


@pytest.mark.parametrize("topic", TOPICS)
def test_both_languages_say_the_same(topic: str) -> None:
    english, chinese = (entries(language, topic) for language in LANGUAGES)
    assert english.keys() == chinese.keys()
    for code in english:
        assert parts(english[code]).keys() == parts(chinese[code]).keys(), code
        for part, sentence in parts(english[code]).items():
            # Chinese has no plural: its sentence about one thing may well name the number.
            ours, theirs = placeholders(sentence), placeholders(parts(chinese[code])[part])
            assert ours - {("n", "")} == theirs - {("n", "")}, f"{code}: {part}"


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_well_formed(topic: str, language: str) -> None:
    for code, entry in entries(language, topic).items():
        assert code.split(".")[0] == topic.removesuffix(".yml"), f"{code} is in the wrong file"
        for part, sentence in parts(entry).items():
            assert isinstance(sentence, str), f"{code}: {part}"
            formats = {spec for _, spec in placeholders(sentence)}
            assert formats <= {"", "size", "list", "count"}, f"{code}: {part}"


@pytest.mark.parametrize("topic", TOPICS)
def test_chinese_is_chinese(topic: str) -> None:
    for code, entry in entries("zh", topic).items():
        for part, sentence in parts(entry).items():
            said = re.sub(r"\{[^}]*\}|`[^`]*`", "", sentence)
            letters = re.findall(r"[A-Za-z]{2,}", said)
            assert not letters or re.search(r"[\u4e00-\u9fff]", said), f"{code}: {part}"

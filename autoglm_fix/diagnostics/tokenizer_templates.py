"""Chat templates and tokenizer settings: there, readable by the installed libraries, and of some effect."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from packaging.version import Version

from autoglm_fix.agent.facts.tokenizer import Template, Tokenizer
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.knowledge import table

from .finding import Finding
from .generation_stops import Stops
from .tokenizer_findings import (
    SavedByNewer,
    TemplateAbsent,
    TemplateBroken,
    TemplateNoAssistantTurn,
    TemplateOfAnotherModel,
    TemplateUnread,
)

_SETTINGS = "tokenizer_config.json"
_JINJA = "chat_template.jinja"
# Processors of models that take pictures read this one; a tokenizer alone does not.
_PROCESSORS = "chat_template.json"


class Newer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What transformers writes since a version, and what older ones read instead. See knowledge/turns.yml."""

    since: str
    source: str
    setting: str = ""
    value: str = ""
    shape: str = ""
    instead: str = ""
    rename: str = ""
    file: str = ""


class NewerTable(msgspec.Struct, frozen=True):
    """The part of knowledge/turns.yml about versions."""

    newer: tuple[Newer, ...]


def newer_settings() -> tuple[Newer, ...]:
    """The settings and files that older versions of transformers cannot read."""
    return table("turns", NewerTable).newer


def settings_of_newer(tokenizer: Tokenizer) -> Iterator[Finding]:
    """Settings that a newer transformers has written than the one that is to read them."""
    file = tokenizer.file(_SETTINGS)
    said = {"tokenizer_class": tokenizer.kind, "extra_special_tokens": tokenizer.extra}
    for each in newer_settings():
        value = said.get(each.setting, "")
        if file is None or not value or value != (each.value or each.shape):
            continue
        if _older(tokenizer, each.since):
            yield SavedByNewer(
                subject=f"{file.inside}: {each.setting}",
                file=file.name,
                host=file.host,
                setting=each.setting,
                value=value,
                version=tokenizer.behaviour.versions["transformers"],
                since=each.since,
            )


def used_template(tokenizer: Tokenizer, *, vision: bool) -> Template | None:
    """The template that prompts are made with, None where there is none."""
    others = [each for each in tokenizer.templates if each.source == _PROCESSORS] if vision else []
    return tokenizer.template or next(iter(others), None)


def templates(tokenizer: Tokenizer, vocabulary: Vocabulary, *, vision: bool) -> Iterator[Finding]:
    """What the template does; that there is none only where the service answers conversations."""
    used = used_template(tokenizer, vision=vision)
    if used is None:
        yield from _absent(tokenizer)
        return
    yield from _unread(tokenizer, used)
    if used.error:
        yield TemplateBroken(subject=used.inside, file=used.source, host=used.host, problem=used.error, line=used.line)
    elif used.turn == "none":
        yield TemplateNoAssistantTurn(
            subject=used.inside, file=used.source, host=used.host, header=used.header, end=used.end
        )
    family = Stops(vocabulary).family
    if used.split and family is not None and not any(mark in used.end for mark in family.marks):
        yield TemplateOfAnotherModel(
            subject=used.inside, file=used.source, host=used.host, markers=used.split, family=family.name
        )


def _absent(tokenizer: Tokenizer) -> Iterator[Finding]:
    file = tokenizer.file(_SETTINGS)
    if tokenizer.chat and file is not None:
        other = next((each.source for each in tokenizer.templates if not each.error), "")
        folder = file.inside.rpartition("/")[0]
        host = None if file.host is None else f"{file.host.rpartition('/')[0]}/{_JINJA}"
        yield TemplateAbsent(subject=folder, file=_JINJA, host=host, other=other)


def _unread(tokenizer: Tokenizer, used: Template) -> Iterator[Finding]:
    if used.source != _JINJA or any(each.source == _SETTINGS for each in tokenizer.templates):
        return
    for each in newer_settings():
        if each.file == _JINJA and _older(tokenizer, each.since):
            version = tokenizer.behaviour.versions["transformers"]
            yield TemplateUnread(
                subject=used.inside, file=used.source, host=used.host, version=version, since=each.since
            )


def _older(tokenizer: Tokenizer, since: str) -> bool:
    """Whether the transformers in the service's Python is older; False where none is known."""
    try:
        return Version(tokenizer.behaviour.versions.get("transformers", since)) < Version(since)
    except ValueError:
        return False

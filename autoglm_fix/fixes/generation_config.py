"""generation_config: settings that keep a model from answering, edited in their own file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from autoglm_fix.agent.changes import Change
from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.diagnostics import Finding
from autoglm_fix.diagnostics import generation_config_findings as found
from autoglm_fix.diagnostics.generation_config import generation_config as diagnose
from autoglm_fix.diagnostics.generation_rules import fits, rules
from autoglm_fix.diagnostics.generation_stops import stop_ids
from autoglm_fix.json_text import Json, parse
from autoglm_fix.json_text.edit import remove_duplicates, remove_key, set_key
from autoglm_fix.json_text.mend import mend

from .registry import Declined, fix
from .text_edit import rewritten

__all__ = ["generation_config"]

# One edit can bring another fault to light (a file that parses again); more turns than this would be a loop.
_TURNS = 5

_REMOVED = (
    found.NoRoom,
    found.Impossible,
    found.AllSuppressed,
    found.Contradiction,
    found.MinimumAboveMaximum,
    found.Doubtful,
    found.Short,
    found.BeyondContext,
)
_SETTINGS = (
    *_REMOVED,
    found.StopInvalid,
    found.EndsAtOnce,
    found.NeverStops,
    found.StopMissing,
    found.StopDoubtful,
    found.EndSuppressed,
    found.DuplicateKey,
    found.NoSuchToken,
)
_FILES = (found.BrokenJson, found.ConfigBroken)


@fix(*_FILES, *_SETTINGS)
def generation_config(
    finding: Finding, settings: GenerationSettings, vocabulary: Vocabulary, *, max_new_tokens: int | None = None
) -> Iterator[Change | Declined]:
    """Correct the settings in generation_config.json or config.json, and nothing else of the file.

    All that is wrong with one file is one change, the same for each of its findings. A limit without
    room is removed, or set to ``max_new_tokens`` where that is given.
    """
    if not isinstance(finding, (*_FILES, *_SETTINGS)):
        return
    file = settings.config if finding.file == settings.config.name else settings.generation
    if finding.severity == "warning" and any(_of(settings, vocabulary, file, "error")):
        yield Declined("generation_config.errors-first", {"file": file.name})
        return
    if file.host is None:
        yield Declined("generation_config.no-host-path", {"subject": file.inside})
        return
    text = file.text
    for _ in range(_TURNS):
        now = _with(settings, replace(file, text=text))
        edited = text
        for each in _of(now, vocabulary, file, finding.severity):
            edited = _edited(edited, each, max_new_tokens)
        if edited == text:
            break
        text = edited
    now = _with(settings, replace(file, text=text))
    left = {(each.code, each.subject) for each in _of(now, vocabulary, file, finding.severity)}
    if (finding.code, finding.subject) in left:
        yield _declined(finding)
        return
    yield rewritten(file.host, file, text, "generation_config.correct")


def _of(settings: GenerationSettings, vocabulary: Vocabulary, file: TextFile, severity: str) -> list[Finding]:
    """What is wrong with one file, of that severity."""
    return [
        each
        for each in diagnose(settings, vocabulary)
        if isinstance(each, (*_FILES, *_SETTINGS)) and each.file == file.name and each.severity == severity
    ]


def _with(settings: GenerationSettings, file: TextFile) -> GenerationSettings:
    if file.name == settings.config.name:
        return replace(settings, config=file)
    return replace(settings, generation=file)


def _declined(finding: Finding) -> Declined:
    if isinstance(finding, _FILES):
        return Declined("generation_config.not-mendable", {"file": finding.file, "problem": finding.problem})
    return Declined("generation_config.no-better-value", {"subject": finding.subject})


def _edited(text: str, finding: Finding, max_new_tokens: int | None) -> str:
    """The text without that fault; as it was where nothing tells what would be right."""
    if isinstance(finding, _FILES):
        return mend(text) or text
    if isinstance(finding, found.DuplicateKey):
        return remove_duplicates(text)
    if not isinstance(finding, _SETTINGS):
        return text
    path = finding.setting.split(".")
    old = _value(text, path)
    if isinstance(finding, _REMOVED):
        return _without(text, path, old, finding, max_new_tokens)
    new = _better(old, finding)
    if new is None or new == old:
        return text
    return remove_key(text, path) if new == [] else set_key(text, path, new)


def _value(text: str, path: list[str]) -> Json:
    value: Json = parse(text).values
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _without(text: str, path: list[str], old: Json, finding: Finding, max_new_tokens: int | None) -> str:
    name = path[-1]
    if isinstance(finding, found.NoRoom) and name == "max_new_tokens" and max_new_tokens is not None:
        return set_key(text, path, max_new_tokens)
    if name == "temperature" and old == 0 and isinstance(finding, found.Impossible):
        # What a temperature of zero means; a caller that samples all the same needs another one.
        return set_key(remove_key(text, path), [*path[:-1], "do_sample"], False)
    meant = _meant(name, old)
    return remove_key(text, path) if meant is None else set_key(text, path, meant)


def _meant(name: str, old: Json) -> Json:
    """The value that a text or a number of another type stands for, None where there is no telling."""
    kind = next((each.type for each in rules().settings if each.name == name), None)
    if kind == "flag" and isinstance(old, (int, str)) and str(old).lower() in ("0", "1", "true", "false"):
        return str(old).lower() in ("1", "true")
    if kind in ("number", "whole", "count", "id"):
        try:
            meant = json.loads(old) if isinstance(old, str) else old
        except ValueError:
            return None
        if isinstance(meant, float) and meant.is_integer() and kind != "number":
            meant = int(meant)
        return meant if type(meant) is not type(old) and fits(kind, meant) else None
    return None


def _better(old: Json, finding: Finding) -> Json:
    """The ids in place of those that stand there; an empty list for a key that has to go, None for no answer."""
    ids = stop_ids(old) or []
    if isinstance(finding, (found.StopInvalid, found.NeverStops)):
        new = finding.stops
    elif isinstance(finding, found.EndsAtOnce):
        new = [each for each in ids if each not in finding.ids] or finding.stops
    elif isinstance(finding, (found.StopMissing, found.StopDoubtful)):
        new = [*ids, *finding.ids]
    elif isinstance(finding, found.EndSuppressed) and isinstance(old, list):
        return [each for each in old if each not in finding.ids and each not in [[end] for end in finding.ids]]
    elif isinstance(finding, found.NoSuchToken):
        return [each for each in ids if each not in finding.ids]
    else:
        return None
    if not new:
        return None
    return new[0] if len(new) == 1 and not isinstance(old, list) else [*new]

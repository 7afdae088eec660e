"""generation_config: how answers are generated leaves room for one, ends it, and can be carried out."""

from __future__ import annotations

from collections.abc import Iterator

from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.json_text import Parsed, parse

from .finding import Finding
from .generation_config_findings import BrokenJson, ConfigBroken, DuplicateKey
from .generation_judged import Judged, shown
from .registry import diagnostic

# These take their settings from the weight file or from themselves.
_OWN_SETTINGS = ("llama.cpp", "ollama")
# The weights diagnostic reports these, for any file of the model.
_REPORTED = ("pointer", "page")
_INSTEAD = {
    "empty": "it is empty",
    "not-text": "it is not UTF-8 text",
    "too-large": "it is far too large for settings",
    "not-a-file": "it is no regular file",
}


@diagnostic()
def generation_config(settings: GenerationSettings, vocabulary: Vocabulary) -> Iterator[Finding]:
    """The generation settings parse, leave room for an answer, end it at the right tokens, and can be carried out."""
    if settings.engine in _OWN_SETTINGS:
        return
    generation, config = _read(settings.generation), _read(settings.config)
    file = settings.config
    if config.problem and file.state not in _REPORTED:
        yield ConfigBroken(
            subject=file.inside,
            file=file.name,
            host=file.host,
            problem=config.problem,
            line=config.line,
            column=config.column,
        )
    file = settings.generation
    if generation.problem and file.state not in _REPORTED:
        yield BrokenJson(
            subject=file.inside,
            file=file.name,
            host=file.host,
            problem=generation.problem,
            line=generation.line,
            column=generation.column,
        )
    yield from _repeated(settings.generation, generation)
    yield from _repeated(settings.config, config)
    if generation.problem:
        return
    if settings.generation.state == "missing":
        if settings.config.state != "ok" or config.problem:
            return
        file = settings.config
    judged = Judged(settings, vocabulary, file, config.values, generation.values)
    yield from judged.alone()
    yield from judged.lengths()
    yield from judged.ends()
    yield from judged.together()


def _read(file: TextFile) -> Parsed:
    if file.state == "missing":
        return Parsed()
    return parse(file.text) if file.state == "ok" else Parsed(problem=_INSTEAD.get(file.state, file.state))


def _repeated(file: TextFile, parsed: Parsed) -> Iterator[Finding]:
    for name in parsed.repeated:
        value = shown(parsed.values[name])
        yield DuplicateKey(subject=f"{file.inside}: {name}", file=file.name, host=file.host, setting=name, value=value)

"""tokenizer: text becomes the tokens that the model was trained on, and a conversation becomes a prompt."""

from __future__ import annotations

from collections.abc import Iterator

from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.tokenizer import Tokenizer
from autoglm_fix.agent.facts.vocabulary import Vocabulary

from .finding import Finding
from .registry import diagnostic
from .tokenizer_findings import Broken, NoPython, NotLoadable, NotTried, RoundTripLost
from .tokenizer_ids import ids_and_rows
from .tokenizer_templates import settings_of_newer, templates

# The weights diagnostic reports these, for any file of the model.
_REPORTED = ("lfs-pointer", "html")
_MAY_HOLD_A_TEMPLATE = ("tokenizer_config.json", "chat_template.jinja", "chat_template.json")
_INSTEAD = {
    "empty": "it is empty",
    "not-text": "it is not UTF-8 text",
    "too-large": "it is far too large for settings",
    "not-a-file": "it is no regular file",
}


@diagnostic()
def tokenizer(
    tokenizer: Tokenizer,
    vocabulary: Vocabulary,
    model: ModelFiles,
    settings: GenerationSettings,
    *,
    longest: int = 100_000,
) -> Iterator[Finding]:
    """The tokenizer is whole and this model's, text survives it, and the chat template opens the assistant's turn.

    ``longest`` is the length, in characters, of the longest text that is tried.
    """
    if model.format == "gguf" or settings.engine in ("llama.cpp", "ollama"):
        return  # the tokenizer is in the weight file
    known = {each.name for each in model.files if each.content is not None and each.content.state in _REPORTED}
    broken = list(_broken(tokenizer, vocabulary, known))
    yield from broken
    if vocabulary.state in ("ok", "partial"):
        yield from ids_and_rows(tokenizer, vocabulary, model, settings)
    yield from settings_of_newer(tokenizer)
    unread = known | {each.file for each in broken}
    if not unread.intersection(_MAY_HOLD_A_TEMPLATE):
        yield from templates(tokenizer, vocabulary, vision=model.config.vision)
    yield from _behaviour(tokenizer, vocabulary)


def _broken(tokenizer: Tokenizer, vocabulary: Vocabulary, known: set[str]) -> Iterator[Broken]:
    file = vocabulary.file
    if vocabulary.state == "broken" and file.name not in known:
        yield Broken(
            subject=file.inside,
            file=file.name,
            host=file.host,
            problem=_INSTEAD.get(file.state, vocabulary.problem),
            line=vocabulary.line,
            column=vocabulary.column,
        )
    for each in tokenizer.settings:
        if each.state in ("ok", "missing") or each.name in known:
            continue
        yield Broken(
            subject=each.inside,
            file=each.name,
            host=each.host,
            problem=_INSTEAD.get(each.state, each.problem),
            line=each.line,
            column=each.column,
        )


def _behaviour(tokenizer: Tokenizer, vocabulary: Vocabulary) -> Iterator[Finding]:
    behaviour, file = tokenizer.behaviour, vocabulary.file
    if behaviour.kind in ("not-started", "not-python"):
        yield NoPython(subject=tokenizer.folder, problem=behaviour.problem)
    elif behaviour.problem and vocabulary.state != "missing":
        yield NotTried(subject=tokenizer.folder, problem=behaviour.problem)
    if behaviour.error and vocabulary.state == "ok":
        yield NotLoadable(
            subject=file.inside,
            file=file.name,
            host=file.host,
            problem=behaviour.error,
            version=behaviour.versions.get("tokenizers", ""),
        )
    lost = [each for each in behaviour.round_trips if each.state == "lost"]
    if lost:
        texts = [each.name for each in lost]
        yield RoundTripLost(subject=file.inside, file=file.name, host=file.host, texts=texts, detail=lost[0].detail)

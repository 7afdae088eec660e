"""The numbers of tokens: against the rows of the weights, and against those that config.json names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.model_files import ModelFiles
from autoglm_fix.agent.facts.tokenizer import Tokenizer
from autoglm_fix.agent.facts.vocabulary import Vocabulary

from .finding import Finding
from .generation_judged import shown
from .tokenizer_findings import (
    AddedBeyondEmbeddings,
    FewerThanEmbeddings,
    OfAnotherModel,
    PadTokenMissing,
    SpecialId,
    SpecialIdDoubtful,
    SpecialToken,
    VocabularyExceedsEmbeddings,
)
from .vocabulary_fit import ROLES, Named, named_ids, of_another_model, pictures

_EMBEDDINGS = re.compile(r"(^|\.)(embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|shared)\.weight$")
_PICTURES = re.compile(r"visi(on|ual)|image|audio")
# Rows are rounded up for the hardware: by a few hundred, of a hundred thousand.
_SPARE = 0.05
_SPARE_ROWS = 1024
_SHOWN = 5


def ids_and_rows(
    tokenizer: Tokenizer, vocabulary: Vocabulary, model: ModelFiles, settings: GenerationSettings
) -> Iterator[Finding]:
    """What the ids of a vocabulary say about it."""
    named = list(named_ids(vocabulary, settings))
    rows = embedding_rows(model)
    reasons = of_another_model(vocabulary, settings, rows)
    if reasons:
        file = vocabulary.file
        yield OfAnotherModel(subject=file.inside, file=file.name, host=file.host, reasons=reasons[:_SHOWN])
        return
    yield from _rows(vocabulary, rows)
    yield from _ids(vocabulary, settings, named, rows)
    yield from _tokens(tokenizer, vocabulary, named)


def embedding_rows(model: ModelFiles) -> int | None:
    """How many tokens the weights have a row for; of config.json where no weight file says, None where none does."""
    rows = [
        group.shape[0]
        for each in model.files
        if each.content is not None and each.content.format == "safetensors"
        for group in each.content.groups
        if len(group.shape) == 2 and _EMBEDDINGS.search(group.name) and not _PICTURES.search(group.name)
    ]
    return max(rows) if rows else model.config.vocab_size


def _rows(vocabulary: Vocabulary, rows: int | None) -> Iterator[Finding]:
    file = vocabulary.file
    if rows is None or vocabulary.highest is None:
        return
    if vocabulary.highest >= rows:
        beyond = [each for each in vocabulary.tokens if each.id >= rows and each.added]
        if (vocabulary.base or 0) <= rows and beyond:
            texts = [each.text for each in beyond][:_SHOWN]
            yield AddedBeyondEmbeddings(subject=file.inside, file=file.name, host=file.host, tokens=texts, rows=rows)
        else:
            yield VocabularyExceedsEmbeddings(
                subject=file.inside, file=file.name, host=file.host, highest=vocabulary.highest, rows=rows
            )
    elif rows - vocabulary.highest - 1 > max(_SPARE * rows, _SPARE_ROWS):
        yield FewerThanEmbeddings(subject=file.inside, file=file.name, tokens=vocabulary.highest + 1, rows=rows)


def _ids(
    vocabulary: Vocabulary, settings: GenerationSettings, named: list[Named], rows: int | None
) -> Iterator[Finding]:
    file = settings.config
    right = {each.setting for each in named if each.fits}
    for each in {each.setting: each for each in named if each.setting not in right}.values():
        name = each.setting.rpartition(".")[2]
        if name == "eos_token_id" and settings.generation.state == "missing":
            continue  # then it is a generation setting, and judged as one
        used = name not in ROLES or (name == "pad_token_id" and rows is not None and each.number >= rows)
        kind = SpecialId if used else SpecialIdDoubtful
        yield kind(
            subject=f"{file.inside}: {each.setting}",
            file=file.name,
            host=file.host,
            setting=each.setting,
            value=shown(each.value),
            token=each.token,
            right=_right(vocabulary, name),
        )


def _right(vocabulary: Vocabulary, name: str) -> int | None:
    """The id that the tokenizer tells for a setting."""
    roles = vocabulary.roles
    if name in ROLES:
        role = name.removesuffix("_id")
        return roles.get(role, roles.get("eos_token") if role == "pad_token" else None)
    there = [vocabulary.token(text) for text in pictures().get(name, ())]
    found = [token.id for token in there if token is not None and token.added]
    return found[0] if len(found) == 1 else None


def _tokens(tokenizer: Tokenizer, vocabulary: Vocabulary, named: list[Named]) -> Iterator[Finding]:
    file = tokenizer.file("tokenizer_config.json")
    if vocabulary.state != "ok" or file is None or file.state != "ok":
        return
    meant: dict[str, str] = {}
    for each in named:
        if each.fits:
            meant.setdefault(each.setting.rpartition(".")[2], each.token)
    for role in ("eos_token", "bos_token", "pad_token"):
        if role not in vocabulary.lacking:
            continue
        kind = PadTokenMissing if role == "pad_token" else SpecialToken
        yield kind(
            subject=f"{file.inside}: {role}",
            file=file.name,
            host=file.host,
            setting=role,
            value=vocabulary.lacking[role],
            right=meant.get(f"{role}_id", ""),
        )

"""vocabulary: the tokens of a model's tokenizer, as its files number them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, Iterable

from ..context import Context
from ..formats import clean
from .generation_settings import launched_with
from .text_file import TextFile
from .text_files import TextFiles

_LONGEST_TOKENIZER = 1 << 27
_MOST_TOKENS = 2000
_RESERVED = re.compile(r"<?\|?_?(reserved|unused|extra|placeholder|dummy|pad_)[\w ]*?\d+_?\|?>?|<0x[0-9A-F]{2}>", re.I)
_READ = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json")
_NAMED_IN = ("config.json", "generation_config.json")
_ROLES = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True)
class Token:
    """One token. ``added`` ones stand beside the model's own vocabulary; ``special`` ones are no text."""

    id: int
    text: str
    added: bool = False
    special: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """What the tokenizer's files say of its tokens; behaviour is another fact's.

    ``file`` is the one that was read, ``tokenizer.json`` or what stands in for it. ``state``: ``ok``,
    ``partial`` (only the added tokens are known), ``missing``, ``broken`` (``problem``, ``line`` and
    ``column`` say where). ``kind`` is the model's (``BPE``, ``Unigram``), ``base`` the number of tokens
    of its own vocabulary, ``highest`` the highest id, None where unknown. ``tokens`` are the added ones
    (reserved ones left out) and those that other files name; ``roles`` are the ids of those that the
    settings name by role (``eos_token``), ``lacking`` the named ones (role -> text) that no token is.
    ``unlike`` lists tokens on which tokenizer.json and
    tokenizer_config.json disagree: ``id: text / text``.
    """

    file: TextFile
    state: str
    problem: str = ""
    line: int = 0
    column: int = 0
    kind: str = ""
    base: int | None = None
    highest: int | None = None
    tokens: list[Token] = field(default_factory=list)
    roles: dict[str, int] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    unlike: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    @classmethod
    def collect(cls, ctx: Context) -> Vocabulary:
        """Read the tokenizer's files. CannotTell where the model's folder is not there."""
        files = tokenizer_files(ctx)
        reads = [f"{files.host}/{name}" for name in (*_READ, *_NAMED_IN) if files.host]
        return replace(_read(files, _named_ids(TextFiles(ctx))), reads=reads)

    # For the controller.
    def token(self, id_or_text: int | str) -> Token | None:
        """The token of that id or text among ``tokens``."""
        return next((each for each in self.tokens if id_or_text in (each.id, each.text)), None)


def tokenizer_files(ctx: Context) -> TextFiles:
    """The folder that the service takes its tokenizer from: the model's, or one that its command names."""
    other = launched_with(ctx.service.command, "--tokenizer", "--tokenizer-path")
    return TextFiles(ctx, other if other and other.startswith("/") else None)


def _read(files: TextFiles, ids: set[int]) -> Vocabulary:
    settings = {**_object(files.read("special_tokens_map.json")), **_object(files.read("tokenizer_config.json"))}
    file, raw = files.read_bytes("tokenizer.json", _LONGEST_TOKENIZER)
    listed = dict(_listed(settings))
    if file.state == "missing":
        said = _object(files.read("vocab.json", _LONGEST_TOKENIZER))
        vocab = {text: number for text, number in said.items() if type(number) is int}
        if not vocab and not listed:
            return Vocabulary(file, "missing")
        return _made(file, "BPE" if vocab else "", vocab, listed, settings, ids)
    if file.state != "ok":
        return Vocabulary(file, "broken", file.detail)
    try:
        vocab, added, kind = _tokens(json.loads(raw.decode("utf-8-sig")))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, IndexError) as err:
        from .faults import fault

        return Vocabulary(file, "broken", **fault(err, "tokenizer"))
    if not vocab and not added:
        return Vocabulary(file, "broken", "it holds no tokens")
    unlike = [
        f"{token.id}: {added[token.id].text} / {token.text}"
        for token in listed.values()
        if token.id in added and added[token.id].text != token.text
    ]
    return replace(_made(file, kind, vocab, {**listed, **added}, settings, ids), unlike=unlike[:5])


def _tokens(said: Any) -> tuple[dict[str, int], dict[int, Token], str]:
    """The model's vocabulary, the added tokens and the kind of model, of a tokenizer.json."""
    model = said["model"]
    vocab: Any = model["vocab"]
    if isinstance(vocab, list):  # Unigram: pieces with their scores, numbered by place
        vocab = {piece[0]: at for at, piece in enumerate(vocab)}
    if any(type(number) is not int for number in vocab.values()):
        raise TypeError("an id is no integer")
    added = {
        int(each["id"]): Token(int(each["id"]), clean(each["content"]), True, bool(each.get("special")))
        for each in said.get("added_tokens") or []
    }
    return vocab, added, clean(str(model.get("type") or ""))


def _made(
    file: TextFile,
    kind: str,
    vocab: dict[str, int],
    added: dict[int, Token],
    settings: dict[str, Any],
    ids: set[int],
) -> Vocabulary:
    """The fact, with those tokens that somebody may ask about: few of a vocabulary."""
    chosen = {each.id: each for each in added.values() if not _RESERVED.fullmatch(each.text) or each.id in ids}
    if len(chosen) > _MOST_TOKENS:
        chosen = {each.id: each for each in chosen.values() if each.special or each.id in ids}
    by_text = {each.text: each.id for each in added.values()}
    roles, lacking = {}, {}
    for role in _ROLES:
        text = named(settings.get(role))
        number = by_text.get(clean(text), vocab.get(text))
        if text and number is not None:
            roles[role] = number
            chosen.setdefault(number, Token(number, clean(text)))
        elif text:
            lacking[role] = clean(text)
    wanted = ids - set(chosen)
    if wanted:
        chosen.update({at: Token(at, clean(text)) for text, at in vocab.items() if at in wanted})
    tokens = sorted(chosen.values(), key=lambda token: token.id)[: _MOST_TOKENS * 2]
    if not vocab:
        return Vocabulary(file, "partial", tokens=tokens, roles=roles)
    highest = max(max(vocab.values()), max(added, default=-1))
    return Vocabulary(file, "ok", "", 0, 0, kind, len(vocab), highest, tokens, roles, lacking)


def named(said: Any) -> str:
    """The text of a token as settings write it: plain, or in a table with how it is matched."""
    text = said.get("content") if isinstance(said, dict) else said
    return text if isinstance(text, str) else ""


def _listed(settings: dict[str, Any]) -> Iterable[tuple[int, Token]]:
    table = settings.get("added_tokens_decoder")
    for number, token in table.items() if isinstance(table, dict) else ():
        if number.isascii() and number.isdigit() and isinstance(token, dict) and named(token):
            yield int(number), Token(int(number), clean(named(token)), True, bool(token.get("special")))


def _named_ids(files: TextFiles) -> set[int]:
    """The ids of single tokens that the model's settings name, wherever in them."""
    found: set[int] = set()
    waiting: list[Any] = [_object(files.read(name)) for name in _NAMED_IN]
    while waiting:
        for key, value in waiting.pop().items():
            if isinstance(value, dict):
                waiting.append(value)
            elif key.endswith(("_token_id", "_token_index")):
                values = value if isinstance(value, list) else [value]
                found.update(each for each in values[:100] if type(each) is int)
    return found


def _object(file: TextFile) -> dict[str, Any]:
    try:
        said = json.loads(file.text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}

"""What a tokenizer and its chat templates do, tried in the service's own Python.

Only ``tokenizers`` and ``jinja2`` are imported, which takes tenths of a second; transformers only for
a tokenizer that has no tokenizer.json.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any

_ANSWER = "zq7answer"
_MARKER = re.compile(r"<\|[^|<>\s]{1,40}\|>|<(?:start|end)_of_turn>|\[/?INST\]|\[gMASK\]")
_SAMPLES = {
    "ascii": 'The quick brown fox (aged 7) said: "it\'s 50% off!" [do(action="Tap", element=[499, 182])]',
    "cjk": "你好，请打开微信。こんにちは 안녕",
    "emoji": "ok \U0001f600\U0001f469\u200d\U0001f4bb\U0001f1e8\U0001f1f3 done",
    "control": "a\tb\r\nc\x00d\x07e\x1bf\x7fg\u200bh\u202ei",
    "empty": "",
}


def probe(
    emit: Any,
    folder: str,
    templates: dict[str, str],
    names: dict[str, str],
    longest: int,
) -> dict[str, Any]:
    """Try the tokenizer of ``folder`` on texts, and each template (source -> text) on a conversation.

    ``names`` are the special tokens that a template may write (``bos_token``). What cannot be tried
    for want of a library is named in ``problem``.
    """
    said: dict[str, Any] = {"versions": _versions(), "problem": "", "error": "", "round_trips": [], "templates": {}}
    encode = None
    try:
        encode, decode, normalize = _loaded(folder)
    except ImportError as err:
        said["problem"] = f"the tokenizer was not tried: {err}"
    except Exception as err:  # the library raises bare Exception for whatever is wrong with a file
        said["error"] = _described(err)
    if encode is not None:
        texts = dict(_SAMPLES, long=("".join(_SAMPLES.values()) * (longest // 100))[:longest])
        said["round_trips"] = [_round_trip(name, text, encode, decode, normalize) for name, text in texts.items()]
    try:
        said["templates"] = {source: _tried(text, names, encode) for source, text in templates.items()}
    except ImportError as err:
        said["problem"] = said["problem"] or f"the chat template was not tried: {err}"
    return said


def _versions() -> dict[str, str]:
    from importlib import metadata

    found = {}
    for name in ("tokenizers", "jinja2", "transformers"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _loaded(folder: str) -> Any:
    """Functions to encode, decode and normalize a text."""
    path = os.path.join(folder, "tokenizer.json")
    if not os.path.exists(path):
        from transformers import AutoTokenizer

        slow = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        unknown = slow.unk_token_id

        def encode_slow(text: str) -> Any:
            ids = slow.encode(text, add_special_tokens=False)
            return ids, unknown in ids

        return encode_slow, lambda ids: slow.decode(ids, clean_up_tokenization_spaces=False), str
    from tokenizers import Tokenizer

    inner = Tokenizer.from_file(path)
    inner.no_truncation()  # as transformers does: what the file says of lengths does not count
    inner.no_padding()
    blanks = {getattr(inner.model, "unk_token", None), "<unk>", "[UNK]"} - {None}

    def encode(text: str) -> Any:
        found = inner.encode(text, add_special_tokens=False)
        return found.ids, not blanks.isdisjoint(found.tokens)

    def normalize(text: str) -> str:
        return inner.normalizer.normalize_str(text) if inner.normalizer else text

    return encode, lambda ids: inner.decode(ids, skip_special_tokens=False), normalize


def _round_trip(name: str, text: str, encode: Any, decode: Any, normalize: Any) -> dict[str, Any]:
    """``state``: ``same``, ``close`` (blanks, case, width), ``unknown`` (characters it has no token for), ``lost``."""
    said: dict[str, Any] = {"name": name, "length": len(text), "tokens": 0, "state": "lost", "detail": ""}
    try:
        ids, unknown = encode(text)
        back = decode(ids)
        wanted = normalize(text)
    except Exception as err:
        said["detail"] = _described(err)
        return said
    said["tokens"] = len(ids)
    if back in (text, wanted):
        said["state"] = "same"
    elif unknown:
        said["state"] = "unknown"
    elif _folded(back) in (_folded(text), _folded(wanted)):
        said["state"] = "close"
    else:
        at = _shared(back, wanted)
        said["detail"] = f"{wanted[at : at + 20]!a} became {back[at : at + 20]!a}"
    return said


def _described(err: Exception | None) -> str:
    return _sound(f"{type(err).__name__}: {err}"[:300])


def _sound(text: str) -> str:
    """The text without halves of surrogate pairs, which no encoder takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _shared(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def _folded(text: str) -> str:
    import unicodedata

    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(each for each in plain if unicodedata.category(each)[0] not in "ZCM" and each != "▁")


def _tried(text: str, names: dict[str, str], encode: Any) -> dict[str, Any]:
    """A template on a conversation.

    ``turn`` is ``opens`` (it opens the assistant's turn when asked), ``ready`` (it needs no opening),
    ``none`` (asked or not, the assistant's turn is not opened; ``header`` is what would open it) or
    ``unclear``.
    """
    try:
        template = _environment().from_string(text)
    except ImportError:
        raise
    except Exception as err:
        return {"error": _described(err), "line": getattr(err, "lineno", 0) or 0}
    error = None
    for content in ("Hello", [{"type": "text", "text": "Hello"}]):
        user = {"role": "user", "content": content}
        try:
            plain, asked = (
                template.render(messages=[user], add_generation_prompt=each, **names) for each in (False, True)
            )
        except Exception as err:
            error = error or err
            continue
        if "Hello" not in asked:
            error = error or ValueError("the user's message is not in the prompt")
            continue
        said: dict[str, Any] = {**_turn(template, user, plain, asked, names), "end": _sound(asked[-80:])}
        if encode is not None:
            said["tokens"] = len(encode(asked)[0])
            said["split"] = sorted({mark for mark in _MARKER.findall(asked) if len(encode(mark)[0]) != 1})
        return said
    return {"error": _described(error)}


def _turn(template: Any, user: dict[str, Any], plain: str, asked: str, names: dict[str, str]) -> dict[str, str]:
    if asked[_shared(plain, asked) :].strip():
        return {"turn": "opens"}
    content = _ANSWER if isinstance(user["content"], str) else [{"type": "text", "text": _ANSWER}]
    try:
        both = [user, {"role": "assistant", "content": content}]
        whole = template.render(messages=both, add_generation_prompt=False, **names)
    except Exception:
        return {"turn": "unclear"}
    before, found, _ = whole.partition(_ANSWER)
    header = before[_shared(plain, before) :]
    if not found or len(header) > 200:
        return {"turn": "unclear"}
    return {"turn": "none", "header": _sound(header)} if header.strip() else {"turn": "ready"}


def _environment() -> Any:
    """The sandbox that transformers renders chat templates in."""
    import json

    from jinja2 import nodes
    from jinja2.exceptions import TemplateError
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        def __init__(self, environment: Any) -> None:
            super().__init__(environment)
            self.tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = time.strftime
    return made

"""What a secret looks like in text: the values that are known, and shapes that give one away."""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

HIDDEN = "***"

# Names that hold a secret. "token" and "key" alone are words of this trade (eos_token, a tensor's key), so
# they need a neighbour; in capitals, or as "token=", they are settings.
_NAME = (
    r"[\w.-]*(?:api[ _-]?key|secret[_-]?key|access[_-]?key(?:[_-]id)?|private[_-]?key|auth[_-]?key|password|passwd"
    r"|passphrase|secret|credentials?|(?:hf|hub|access|auth|api|bearer|refresh|session|github|security"
    r"|modelscope)[_-]?token)"
)
_CAPITALS = r"(?:[A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)|[A-Z0-9_]+_(?:PWD|PASS))"
_IS = r"(?:\\*['\"])?\s*[=:]\s*"
# "HF_TOKEN: not set" says something and gives nothing away, nor does a command with "$HF_TOKEN" in it.
_VALUE = (
    r"(?!(?:not|unset|missing|absent|none|null|empty|true|false|is|was|required)\b|\*\*\*|\"\$(?-i:[A-Z][A-Z0-9_]*)\")"
    # A list of them, as Python and JSON write it; a block of YAML's.
    r"(?:[\[(][^\])\n]*[\])]?|[|>][+-]?[ \t]*\n[+ -]?[ \t]+[^\n]*"
    r"|\\+\"[^\"\n]*\"?|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|(?:[^\s'\"&]|&(?!\w+=))+)"
)
# Between an option and its value: blanks, a list's comma and quotes, a new line (of a list, a script, a diff).
_THEN = r"(?:\\*['\"])?(?:\s*,\s*|[ \t]+(?!\\?\r?\n)|[ \t]*\\?\r?\n[+ -]?[ \t]*(?:-[ \t]+)?(?![+\s-]))(?!\\*['\"]?-)"
# Quotes around both, name and value; what a shell is given to run goes on behind the value.
_QUOTE = r"(?<!-c )(?<!-lc )(?<!-c\", )(?<!-c', )(?<!-c\",)['\"]"
_ALONE = r"(?<![A-Za-z0-9_])"
_SCHEME = r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}://"


class _Shape:
    """A shape that gives a secret away, compiled once a text may hold it: with one of ``signs``, in small letters."""

    def __init__(self, signs: Sequence[str], pattern: str, replacement: str = HIDDEN, *, case: bool = False) -> None:
        self._signs = signs
        self._pattern = pattern
        self._flags = re.DOTALL if case else re.DOTALL | re.IGNORECASE
        self._replacement = replacement

    def hide(self, text: str, small: str) -> str:
        """The text without it; ``small`` is the text in small letters."""
        if not any(sign in small for sign in self._signs):
            return text
        return self._compiled.sub(self._replacement, text)

    @functools.cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._pattern, self._flags)


_SHAPES = (
    _Shape(("-----",), r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"),
    _Shape(("://",), rf"({_SCHEME}[^\s/:@'\"]*:)[^\s/'\"]+@", rf"\1{HIDDEN}@"),
    _Shape(("://",), rf"({_SCHEME})[^\s/:@'\"]{{16,}}@", rf"\1{HIDDEN}@"),
    _Shape(
        ("=",),
        r"([?&](?:key|token|sig|signature|auth|x-amz-(?:signature|security-token|credential))=)[^&\s#'\"]+",
        rf"\1{HIDDEN}",
    ),
    _Shape(("=", ":"), r"(\b(?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?)(?:[a-z]+\s+)?[^\s'\",]+", rf"\1{HIDDEN}"),
    _Shape(("bearer",), r"(\bbearer\s+)[\w.~+/=-]{6,}", rf"\1{HIDDEN}"),
    _Shape(
        ("@",), r"(\b(?:https?|all|ftp)_proxy['\"]?\s*[=:]\s*['\"]?)(?![a-z]+://)[^\s/@'\"]{1,256}@", rf"\1{HIDDEN}@"
    ),
    _Shape(("=",), rf"({_QUOTE}{_NAME}=)(?!['\"])[^'\"\n]+(?=['\"])", rf"\1{HIDDEN}"),
    _Shape(("=",), rf"({_QUOTE}{_CAPITALS}=)(?!['\"])[^'\"\n]+(?=['\"])", rf"\1{HIDDEN}", case=True),
    _Shape(("=", ":"), rf"((?<![\w.-]){_NAME}{_IS}){_VALUE}", rf"\1{HIDDEN}"),
    _Shape(("=", ":"), rf"({_ALONE}{_CAPITALS}{_IS}){_VALUE}", rf"\1{HIDDEN}", case=True),
    _Shape(("--",), rf"((?<![\w.-])--(?:{_NAME}|token){_THEN}){_VALUE}", rf"\1{HIDDEN}"),
    _Shape((":",), r"(\bcookie['\"]?\s*:\s*)[^\n'\"]+", rf"\1{HIDDEN}"),
    _Shape((":",), r"(\bcurl\b[^\n|;]{0,400}?\s(?:-u|--user)\s+['\"]?[^\s:'\"]+:)[^\s'\"]+", rf"\1{HIDDEN}"),
    _Shape(("=",), rf"({_ALONE}token=)['\"]?[\w.-]{{8,}}['\"]?", rf"\1{HIDDEN}"),
    _Shape(("hf_",), _ALONE + r"hf_(?:[A-Za-z0-9]{16,}|(?=[A-Za-z]*[0-9A-Z])[A-Za-z0-9]{6,})", case=True),
    _Shape(("sk-",), _ALONE + r"sk-[A-Za-z0-9_-]{8,}", case=True),
    _Shape(("gh", "glpat-"), _ALONE + r"(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,})", case=True),
    _Shape(
        ("xox", "akia", "ms-"),
        _ALONE + r"(?:xox[a-z]-[A-Za-z0-9-]{8,}|AKIA[0-9A-Z]{16}|ms-[0-9a-f]{8}-[0-9a-f-]{20,})",
        case=True,
    ),
    _Shape(("eyj",), _ALONE + r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", case=True),
)


@functools.cache
def _secret_names() -> re.Pattern[str]:
    return re.compile(rf"(?:{_NAME}|authorization)\Z", re.IGNORECASE)


@functools.cache
def _secret_flags() -> re.Pattern[str]:
    return re.compile(rf"--?(?:{_NAME}|token)\Z", re.IGNORECASE)


class Secrets:
    """The secrets of one run. ``known`` are values; one shorter than 4 only counts as a whole word."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        forms = {form for secret in known for form in _forms(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(_pattern, longest_first))) if forms else None

    def hide(self, text: str) -> str:
        """The text with ``***`` for every secret in it."""
        text = self.hide_known(text)
        small = text.lower()
        for shape in _SHAPES:
            text = shape.hide(text, small)
        return text

    def hide_known(self, text: str) -> str:
        """Only the values that are known: for our own sentences, in which nothing else can be one."""
        return text if self._known is None else self._known.sub(HIDDEN, text)


@functools.lru_cache(4096)
def names_a_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret: ``api_key``, ``HF_TOKEN``, ``password``."""
    return bool(_secret_names().match(name) or re.fullmatch(_CAPITALS, name))


def asks_for_a_secret(argument: str) -> bool:
    """Whether the argument after this one is a secret: ``--api-key``, ``--token``."""
    return argument.startswith("-") and _secret_flags().match(argument) is not None


def _forms(secret: str) -> Iterator[str]:
    """How a value may be written: plain, in JSON, in a URL, in base64, line by line."""
    if not secret.strip():
        return
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")
    if len(secret) >= 8:
        yield base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii").rstrip("=")
    if "\n" in secret:
        yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= 8)


def _pattern(form: str) -> str:
    return re.escape(form) if len(form) >= 4 else rf"(?<!\w){re.escape(form)}(?!\w)"

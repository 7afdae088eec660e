"""What the generation_config diagnostic can say.

``file`` is a name relative to the model's folder and ``host`` its path on the host; ``setting`` is the key
in it (``text_config.eos_token_id`` where it is nested) and ``value`` what stands there, as JSON text.
``ids`` are token ids, ``tokens`` their texts. ``stops`` are the ids that would end this model's answers,
empty where nothing tells.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom


class BrokenJson(Finding, frozen=True, kw_only=True):
    """generation_config.json cannot be read as settings (``line`` and ``column`` are 1-based, 0 where open)."""

    code: ClassVar[str] = "generation_config.broken-json"
    symptom: ClassVar[Symptom] = "cut"

    file: str
    host: str | None
    problem: str
    line: int
    column: int
    expected_size: int | None = None
    sha256: str | None = None


class ConfigBroken(Finding, frozen=True, kw_only=True):
    """config.json cannot be read as settings."""

    code: ClassVar[str] = "generation_config.config-broken"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    problem: str
    line: int
    column: int
    expected_size: int | None = None
    sha256: str | None = None


class NoRoom(Finding, frozen=True, kw_only=True):
    """A limit on the length that leaves no room for an answer of ``room`` tokens."""

    code: ClassVar[str] = "generation_config.no-room"
    symptom: ClassVar[Symptom] = "empty"

    file: str
    host: str | None
    setting: str
    value: str
    room: int


class Impossible(Finding, frozen=True, kw_only=True):
    """A value that the engine raises on, or refuses each request for; ``takes`` says what it takes."""

    code: ClassVar[str] = "generation_config.impossible"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    setting: str
    value: str
    takes: str
    engine: str


class StopInvalid(Finding, frozen=True, kw_only=True):
    """eos_token_id is neither a token id nor a list of them."""

    code: ClassVar[str] = "generation_config.stop-invalid"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    setting: str
    value: str
    stops: list[int]


class EndsAtOnce(Finding, frozen=True, kw_only=True):
    """An answer ends at tokens that open one, or that are ordinary text."""

    code: ClassVar[str] = "generation_config.ends-at-once"
    symptom: ClassVar[Symptom] = "empty"

    file: str
    host: str | None
    setting: str
    value: str
    ids: list[int]
    tokens: list[str]
    stops: list[int]


class NeverStops(Finding, frozen=True, kw_only=True):
    """No id that could end an answer is set."""

    code: ClassVar[str] = "generation_config.never-stops"
    symptom: ClassVar[Symptom] = "cut"

    file: str
    host: str | None
    setting: str
    value: str
    stops: list[int]


class StopMissing(Finding, frozen=True, kw_only=True):
    """The tokens that end this model's turn are not all among those that end an answer."""

    code: ClassVar[str] = "generation_config.stop-missing"
    symptom: ClassVar[Symptom] = "cut"

    file: str
    host: str | None
    setting: str
    value: str
    ids: list[int]
    tokens: list[str]


class StopDoubtful(Finding, frozen=True, kw_only=True):
    """Tokens that end the turn of a chat model of this family do not end an answer; a base model has no turns."""

    code: ClassVar[str] = "generation_config.stop-doubtful"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "cut"

    file: str
    host: str | None
    setting: str
    value: str
    ids: list[int]
    tokens: list[str]


class AllSuppressed(Finding, frozen=True, kw_only=True):
    """So many tokens are forbidden (``count``) that none is left to answer with."""

    code: ClassVar[str] = "generation_config.all-suppressed"
    symptom: ClassVar[Symptom] = "empty"

    file: str
    host: str | None
    setting: str
    count: int


class EndSuppressed(Finding, frozen=True, kw_only=True):
    """The tokens that end an answer are forbidden, so that it never ends."""

    code: ClassVar[str] = "generation_config.end-suppressed"
    symptom: ClassVar[Symptom] = "cut"

    file: str
    host: str | None
    setting: str
    ids: list[int]
    tokens: list[str]


class Contradiction(Finding, frozen=True, kw_only=True):
    """Two settings that cannot both hold: the engine refuses to load or to generate."""

    code: ClassVar[str] = "generation_config.contradiction"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    setting: str
    value: str
    other: str
    other_value: str


class MinimumAboveMaximum(Finding, frozen=True, kw_only=True):
    """The least length is above the greatest: an answer may not end before it is cut."""

    code: ClassVar[str] = "generation_config.minimum-above-maximum"
    symptom: ClassVar[Symptom] = "cut"

    file: str
    host: str | None
    setting: str
    value: str
    other: str
    other_value: str


class Doubtful(Finding, frozen=True, kw_only=True):
    """A value that the engine takes, and that no answer of use comes from; ``sane`` says what would be."""

    code: ClassVar[str] = "generation_config.doubtful"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    setting: str
    value: str
    sane: str


class Short(Finding, frozen=True, kw_only=True):
    """A limit on prompt and answer together that cuts off most answers (20 was a default long ago)."""

    code: ClassVar[str] = "generation_config.short"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "cut"

    file: str
    host: str | None
    setting: str
    value: str


class ShortAnswers(Finding, frozen=True, kw_only=True):
    """A limit on the answer that suits short ones only."""

    code: ClassVar[str] = "generation_config.short-answers"
    severity: ClassVar[Severity] = "info"
    symptom: ClassVar[Symptom] = "cut"

    file: str
    host: str | None
    setting: str
    value: str


class BeyondContext(Finding, frozen=True, kw_only=True):
    """More tokens are allowed than the model's context holds."""

    code: ClassVar[str] = "generation_config.beyond-context"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    setting: str
    value: str
    context: int


class DuplicateKey(Finding, frozen=True, kw_only=True):
    """A key stands there more than once; the last one counts, and the others mislead whoever edits."""

    code: ClassVar[str] = "generation_config.duplicate-key"
    severity: ClassVar[Severity] = "warning"

    file: str
    host: str | None
    setting: str
    value: str


class NoSuchToken(Finding, frozen=True, kw_only=True):
    """Ids that no token of this model has (``count`` is the number of those it has)."""

    code: ClassVar[str] = "generation_config.no-such-token"
    severity: ClassVar[Severity] = "warning"

    file: str
    host: str | None
    setting: str
    value: str
    ids: list[int]
    count: int


class PadIsEnd(Finding, frozen=True, kw_only=True):
    """Padding uses a token that ends an answer: usual, and harmless with an attention mask."""

    code: ClassVar[str] = "generation_config.pad-is-end"
    severity: ClassVar[Severity] = "info"

    file: str
    host: str | None
    setting: str
    value: str

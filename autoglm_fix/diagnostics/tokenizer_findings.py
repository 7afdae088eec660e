"""What the tokenizer diagnostic can say.

``file`` is a name relative to the model's folder and ``host`` its path on the host; ``expected_size`` (bytes)
and ``sha256`` are what a repair by fetching should end with, None where nothing on the host records them.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom


class Broken(Finding, frozen=True, kw_only=True):
    """A file of the tokenizer cannot be read as one (``line`` and ``column`` are 1-based, 0 where open)."""

    code: ClassVar[str] = "tokenizer.broken"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    problem: str
    line: int
    column: int
    expected_size: int | None = None
    sha256: str | None = None


class NotLoadable(Finding, frozen=True, kw_only=True):
    """tokenizer.json is well-formed, and the library in the service's Python (``version``) cannot load it."""

    code: ClassVar[str] = "tokenizer.not-loadable"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    problem: str
    version: str
    expected_size: int | None = None
    sha256: str | None = None


class OfAnotherModel(Finding, frozen=True, kw_only=True):
    """The tokenizer belongs to another model; ``reasons`` are the tokens that give it away."""

    code: ClassVar[str] = "tokenizer.of-another-model"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    reasons: list[str]
    expected_size: int | None = None
    sha256: str | None = None


class VocabularyExceedsEmbeddings(Finding, frozen=True, kw_only=True):
    """Ordinary tokens have ids (up to ``highest``) for which the weights have no row (``rows`` in all)."""

    code: ClassVar[str] = "tokenizer.vocabulary-exceeds-embeddings"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    highest: int
    rows: int
    expected_size: int | None = None
    sha256: str | None = None


class AddedBeyondEmbeddings(Finding, frozen=True, kw_only=True):
    """Added tokens that the weights have no row for: whoever uses one crashes the model."""

    code: ClassVar[str] = "tokenizer.added-beyond-embeddings"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    tokens: list[str]
    rows: int


class FewerThanEmbeddings(Finding, frozen=True, kw_only=True):
    """The weights have far more rows than the tokenizer has tokens: more than rounding up explains."""

    code: ClassVar[str] = "tokenizer.fewer-than-embeddings"
    severity: ClassVar[Severity] = "info"

    file: str
    tokens: int
    rows: int


class SpecialId(Finding, frozen=True, kw_only=True):
    """An id in config.json that its model cannot work with; ``right`` is the one that the tokenizer tells."""

    code: ClassVar[str] = "tokenizer.special-id"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    setting: str
    value: str
    token: str
    right: int | None


class SpecialIdDoubtful(Finding, frozen=True, kw_only=True):
    """An id in config.json that no token, or an ordinary one, has; nothing uses it as things are."""

    code: ClassVar[str] = "tokenizer.special-id-doubtful"
    severity: ClassVar[Severity] = "warning"

    file: str
    host: str | None
    setting: str
    value: str
    token: str
    right: int | None


class SpecialToken(Finding, frozen=True, kw_only=True):
    """A special token that the settings name, and the vocabulary lacks; ``right`` is the one that config.json means."""

    code: ClassVar[str] = "tokenizer.special-token"
    symptom: ClassVar[Symptom] = "cut"

    file: str
    host: str | None
    setting: str
    value: str
    right: str


class PadTokenMissing(Finding, frozen=True, kw_only=True):
    """The padding token that the settings name is not in the vocabulary: batches would use a row that is not there."""

    code: ClassVar[str] = "tokenizer.pad-token-missing"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    setting: str
    value: str
    right: str


class SavedByNewer(Finding, frozen=True, kw_only=True):
    """A setting that the installed transformers (``version``) cannot read: it came with ``since``."""

    code: ClassVar[str] = "tokenizer.saved-by-newer"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    setting: str
    value: str
    version: str
    since: str


class TemplateAbsent(Finding, frozen=True, kw_only=True):
    """A service for conversations has no chat template where engines look; ``other`` names a file that holds one."""

    code: ClassVar[str] = "tokenizer.template-absent"
    symptom: ClassVar[Symptom] = "refused"

    file: str
    host: str | None
    other: str
    expected_size: int | None = None
    sha256: str | None = None


class TemplateUnread(Finding, frozen=True, kw_only=True):
    """The chat template stands only in a file that the installed transformers does not read yet."""

    code: ClassVar[str] = "tokenizer.template-unread"
    symptom: ClassVar[Symptom] = "refused"

    file: str
    host: str | None
    version: str
    since: str


class TemplateBroken(Finding, frozen=True, kw_only=True):
    """The chat template cannot be rendered for one user's turn (``line`` in it is 1-based, 0 where open)."""

    code: ClassVar[str] = "tokenizer.template-broken"
    symptom: ClassVar[Symptom] = "refused"

    file: str
    host: str | None
    problem: str
    line: int
    expected_size: int | None = None
    sha256: str | None = None


class TemplateNoAssistantTurn(Finding, frozen=True, kw_only=True):
    """The prompt does not open the assistant's turn (with ``header``), so that the model goes on as the user."""

    code: ClassVar[str] = "tokenizer.template-no-assistant-turn"
    symptom: ClassVar[Symptom] = "empty"

    file: str
    host: str | None
    header: str
    end: str


class TemplateOfAnotherModel(Finding, frozen=True, kw_only=True):
    """The template marks turns with ``markers`` that this tokenizer takes apart; its own family is ``family``."""

    code: ClassVar[str] = "tokenizer.template-of-another-model"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    markers: list[str]
    family: str
    expected_size: int | None = None
    sha256: str | None = None


class RoundTripLost(Finding, frozen=True, kw_only=True):
    """Texts of these kinds (``texts``) do not come back from encoding and decoding."""

    code: ClassVar[str] = "tokenizer.round-trip"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    texts: list[str]
    detail: str
    expected_size: int | None = None
    sha256: str | None = None


class NoPython(Finding, frozen=True, kw_only=True):
    """What the service declares as its Python cannot be started, or is none: the service cannot start either."""

    code: ClassVar[str] = "tokenizer.no-python"
    symptom: ClassVar[Symptom] = "crashed"

    problem: str


class NotTried(Finding, frozen=True, kw_only=True):
    """Tokenizer and template were read, but (in part) not tried, for ``problem``."""

    code: ClassVar[str] = "tokenizer.not-tried"
    severity: ClassVar[Severity] = "warning"

    problem: str

"""What the weights diagnostic can say of a model's folder, and of the small files in it.

``host`` is a path on the host, None where no path of the host leads there. ``file`` is a name relative to
the model's folder; ``expected_size`` (bytes) and ``sha256`` are what a repair should end with, None where
nothing on the host records them.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom


class FolderMissing(Finding, frozen=True, kw_only=True):
    """The folder that the service names does not exist. ``host`` is where it would be."""

    code: ClassVar[str] = "weights.folder-missing"
    symptom: ClassVar[Symptom] = "crashed"

    host: str | None


class NotDownloaded(Finding, frozen=True, kw_only=True):
    """The service names a model of a hub, and the hub's cache does not hold it."""

    code: ClassVar[str] = "weights.not-downloaded"
    symptom: ClassVar[Symptom] = "crashed"

    model: str
    host: str | None


class FolderDangling(Finding, frozen=True, kw_only=True):
    """The folder is a link (``link``, on the host) to something that is not there (``target``)."""

    code: ClassVar[str] = "weights.folder-dangling"
    symptom: ClassVar[Symptom] = "crashed"

    host: str | None
    link: str
    target: str


class NotAFolder(Finding, frozen=True, kw_only=True):
    """Something that is no model stands where the folder should be; ``what`` says what."""

    code: ClassVar[str] = "weights.not-a-folder"
    symptom: ClassVar[Symptom] = "crashed"

    host: str | None
    what: str


class FolderEmpty(Finding, frozen=True, kw_only=True):
    """The folder holds nothing at all."""

    code: ClassVar[str] = "weights.folder-empty"
    symptom: ClassVar[Symptom] = "crashed"

    host: str | None


class NoWeights(Finding, frozen=True, kw_only=True):
    """The folder has files, but no weight file of any known format. ``config`` says whether a config.json is there."""

    code: ClassVar[str] = "weights.no-weights"
    symptom: ClassVar[Symptom] = "crashed"

    host: str | None
    config: bool


class Unreadable(Finding, frozen=True, kw_only=True):
    """The service's user may not read it; ``barrier`` is the path whose mode or owner is in the way."""

    code: ClassVar[str] = "weights.unreadable"
    symptom: ClassVar[Symptom] = "crashed"

    host: str | None
    user: str
    barrier: str


class IncompleteDownload(Finding, frozen=True, kw_only=True):
    """Unfinished downloads (``parts``, on the host) are all that is there of some file."""

    code: ClassVar[str] = "weights.incomplete-download"
    symptom: ClassVar[Symptom] = "crashed"

    host: str | None
    parts: list[str]
    bytes_there: int


class Leftover(Finding, frozen=True, kw_only=True):
    """Unfinished downloads take space beside a model that has all its files."""

    code: ClassVar[str] = "weights.leftover"
    severity: ClassVar[Severity] = "info"

    parts: list[str]
    bytes_there: int


class ConfigMissing(Finding, frozen=True, kw_only=True):
    """config.json is not there."""

    code: ClassVar[str] = "weights.config-missing"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    expected_size: int | None
    sha256: str | None


class TokenizerMissing(Finding, frozen=True, kw_only=True):
    """No file that a tokenizer could be made from is there; ``file`` is the usual one."""

    code: ClassVar[str] = "weights.tokenizer-missing"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    expected_size: int | None
    sha256: str | None


class PreprocessorMissing(Finding, frozen=True, kw_only=True):
    """A model that takes pictures has no preprocessor_config.json."""

    code: ClassVar[str] = "weights.preprocessor-missing"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    expected_size: int | None
    sha256: str | None


class SeveralFormats(Finding, frozen=True, kw_only=True):
    """The folder holds the weights in several formats; ``used`` is the one that the engine loads."""

    code: ClassVar[str] = "weights.several-formats"
    severity: ClassVar[Severity] = "info"

    formats: list[str]
    used: str

"""What the weights diagnostic can say of one weight file, or of the index.

``file`` is its name relative to the model's folder, ``host`` the path on the host that a repair replaces
(behind links: the blob of a hub's cache; None where no path of the host leads there), ``expected_size``
its right size in bytes and ``sha256`` its right digest, both None where nothing on the host records them.
"""

from __future__ import annotations

from typing import ClassVar

from .finding import Finding, Severity, Symptom


class ShardMissing(Finding, frozen=True, kw_only=True):
    """A weight file that the index or its siblings' names promise is not there."""

    code: ClassVar[str] = "weights.shard-missing"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    expected_size: int | None
    sha256: str | None


class DanglingLink(Finding, frozen=True, kw_only=True):
    """A file that the model needs is a link to something that is not there (``host``)."""

    code: ClassVar[str] = "weights.dangling-link"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    expected_size: int | None
    sha256: str | None


class ShardTruncated(Finding, frozen=True, kw_only=True):
    """A weight file is shorter than its own header says."""

    code: ClassVar[str] = "weights.shard-truncated"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    size: int
    expected_size: int | None
    sha256: str | None


class ShardPadded(Finding, frozen=True, kw_only=True):
    """A weight file goes on after the end that its own header gives."""

    code: ClassVar[str] = "weights.shard-padded"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    size: int
    expected_size: int | None
    sha256: str | None


class LfsPointer(Finding, frozen=True, kw_only=True):
    """A Git-LFS pointer (a text of three lines) stands where the file should be."""

    code: ClassVar[str] = "weights.lfs-pointer"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    expected_size: int | None
    sha256: str | None


class HtmlInstead(Finding, frozen=True, kw_only=True):
    """A web page (a login, an error, a mirror's notice) was saved where the file should be."""

    code: ClassVar[str] = "weights.html-instead"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    expected_size: int | None
    sha256: str | None


class HeaderBroken(Finding, frozen=True, kw_only=True):
    """A safetensors header that cannot be read or whose tensors do not tile the file."""

    code: ClassVar[str] = "weights.header-broken"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    problem: str
    expected_size: int | None
    sha256: str | None


class GgufBroken(Finding, frozen=True, kw_only=True):
    """A GGUF file whose header cannot be read or whose tensors lie outside it."""

    code: ClassVar[str] = "weights.gguf-broken"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    problem: str
    expected_size: int | None
    sha256: str | None


class ArchiveBroken(Finding, frozen=True, kw_only=True):
    """A torch archive (.bin, .pth, .pt) that is not whole."""

    code: ClassVar[str] = "weights.archive-broken"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    problem: str
    expected_size: int | None
    sha256: str | None


class IndexMissing(Finding, frozen=True, kw_only=True):
    """Shards are there, but not the index that says which tensor is where."""

    code: ClassVar[str] = "weights.index-missing"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    expected_size: int | None
    sha256: str | None


class IndexBroken(Finding, frozen=True, kw_only=True):
    """The index cannot be read as one."""

    code: ClassVar[str] = "weights.index-broken"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    problem: str
    expected_size: int | None
    sha256: str | None


class IndexMismatch(Finding, frozen=True, kw_only=True):
    """The index and a whole shard disagree on the tensors that are in it.

    ``absent`` tensors are in the index only (at least one is), ``unlisted`` ones in the shard only; the
    lists hold the first few names.
    """

    code: ClassVar[str] = "weights.index-mismatch"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    index: str
    absent: int
    absent_names: list[str]
    unlisted: int
    unlisted_names: list[str]
    expected_size: int | None
    sha256: str | None


class IndexIncomplete(Finding, frozen=True, kw_only=True):
    """A shard holds ``unlisted`` tensors that the index does not name; most engines load them all the same."""

    code: ClassVar[str] = "weights.index-incomplete"
    severity: ClassVar[Severity] = "warning"

    file: str
    host: str | None
    index: str
    unlisted: int
    unlisted_names: list[str]


class TensorsMissing(Finding, frozen=True, kw_only=True):
    """The weight files lack layers that config.json promises; they would be filled with random numbers."""

    code: ClassVar[str] = "weights.tensors-missing"
    symptom: ClassVar[Symptom] = "garbage"

    layers: int
    found: int


class ShardOfAnotherModel(Finding, frozen=True, kw_only=True):
    """A shard's shapes are not those of this model: ``tensor`` has ``found`` where it needs ``expected``."""

    code: ClassVar[str] = "weights.shard-of-another-model"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    tensor: str
    found: str
    expected: str
    expected_size: int | None
    sha256: str | None


class ConfigOfAnotherModel(Finding, frozen=True, kw_only=True):
    """All weight files agree with each other, and config.json with none of them."""

    code: ClassVar[str] = "weights.config-of-another-model"
    symptom: ClassVar[Symptom] = "crashed"

    file: str
    host: str | None
    tensor: str
    found: str
    expected: str
    expected_size: int | None
    sha256: str | None


class Zeroed(Finding, frozen=True, kw_only=True):
    """Zeros stand where a weight matrix should be: ``bytes_zero`` in all, most of them in ``tensor``.

    ``sampled``: only the file's holes and some blocks were looked at, so that there may be more.
    """

    code: ClassVar[str] = "weights.zeroed"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    tensor: str
    bytes_zero: int
    sampled: bool = False
    expected_size: int | None
    sha256: str | None


class NotANumber(Finding, frozen=True, kw_only=True):
    """Weights that are not numbers (NaN): ``values`` in all, first in ``tensor``; ``sampled`` as for zeros."""

    code: ClassVar[str] = "weights.nan"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    tensor: str
    values: int
    sampled: bool = False
    expected_size: int | None
    sha256: str | None


class DigestMismatch(Finding, frozen=True, kw_only=True):
    """The bytes of a file are not those that were downloaded: its sha256 is ``found``."""

    code: ClassVar[str] = "weights.digest-mismatch"
    symptom: ClassVar[Symptom] = "garbage"

    file: str
    host: str | None
    found: str
    expected_size: int | None
    sha256: str | None

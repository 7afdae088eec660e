"""What the dependencies diagnostic can say.

``subject`` is the normal name of the distribution that does not fit, unless a class says otherwise, and
``version`` what is installed of it. ``path`` leads from what the service imports to it ("vllm", "transformers").
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from .finding import Finding, Severity, Symptom
from .versions import NeedsVersions


class EngineMissing(Finding, frozen=True, kw_only=True):
    """The environment (``subject``: its Python) does not hold what the service is started with."""

    code: ClassVar[str] = "dependencies.engine-missing"
    symptom: ClassVar[Symptom] = "crashed"

    name: str
    engine: str


class OtherPython(Finding, frozen=True, kw_only=True):
    """The environment (``subject``: its folder) was made for another Python than the one it starts now."""

    code: ClassVar[str] = "dependencies.other-python"
    symptom: ClassVar[Symptom] = "crashed"

    made_for: str
    version: str


class HiddenByFile(Finding, frozen=True, kw_only=True):
    """A file or folder of the service's own (``subject``) is imported in place of the package ``name``."""

    code: ClassVar[str] = "dependencies.hidden-by-file"
    symptom: ClassVar[Symptom] = "crashed"

    name: str


class Missing(NeedsVersions, frozen=True, kw_only=True):
    """It is needed and not installed."""

    code: ClassVar[str] = "dependencies.missing"
    symptom: ClassVar[Symptom] = "crashed"

    wanted: list[str]
    path: list[str]


class Conflict(NeedsVersions, frozen=True, kw_only=True):
    """Another version is needed than the one that is installed.

    ``wanted`` says by whom: "vllm 0.17.1: transformers<5,>=4.56.0".
    """

    code: ClassVar[str] = "dependencies.conflict"
    symptom: ClassVar[Symptom] = "crashed"

    version: str
    wanted: list[str]
    path: list[str]


class PrescribedConflict(NeedsVersions, frozen=True, kw_only=True):
    """A conflict that a vendor's own instructions lead to: it may generate, and no installer will keep it.

    ``wanted`` says what is asked for, as for a conflict; ``stacks`` are sets of versions without it.
    """

    code: ClassVar[str] = "dependencies.prescribed-conflict"
    severity: ClassVar[Severity] = "warning"

    together: list[str]
    wanted: list[str]
    stacks: list[str]
    source: str


class Breaks(NeedsVersions, frozen=True, kw_only=True):
    """Versions that fit by their metadata and are known not to work ``together``; ``signature`` is what one sees."""

    code: ClassVar[str] = "dependencies.breaks"
    symptom: ClassVar[Symptom] = "crashed"

    together: list[str]
    signature: str
    source: str


class Slow(NeedsVersions, frozen=True, kw_only=True):
    """Versions that are known to be very slow ``together``."""

    code: ClassVar[str] = "dependencies.slow"
    severity: ClassVar[Severity] = "warning"
    symptom: ClassVar[Symptom] = "slow"

    together: list[str]
    signature: str
    source: str


class ModelUnknown(NeedsVersions, frozen=True, kw_only=True):
    """It is older than the ``least`` version that knows the ``model`` (its model_type or class)."""

    code: ClassVar[str] = "dependencies.model-unknown"
    symptom: ClassVar[Symptom] = "crashed"

    version: str
    model: str
    least: str


class TorchIgnored(NeedsVersions, frozen=True, kw_only=True):
    """transformers treats a torch below ``least`` as none at all."""

    code: ClassVar[str] = "dependencies.torch-ignored"
    symptom: ClassVar[Symptom] = "crashed"

    version: str
    least: str
    transformers: str


class BuildsDiffer(NeedsVersions, frozen=True, kw_only=True):
    """It was built for something else (``build``: "12.6", "cpu") than torch (``torch_build``)."""

    code: ClassVar[str] = "dependencies.builds-differ"
    symptom: ClassVar[Symptom] = "crashed"

    version: str
    build: str
    torch: str
    torch_build: str


class VersionsDiffer(NeedsVersions, frozen=True, kw_only=True):
    """Parts of one thing (``together``) are of different versions and refuse to work."""

    code: ClassVar[str] = "dependencies.versions-differ"
    symptom: ClassVar[Symptom] = "crashed"

    together: list[str]


class PythonOutOfRange(NeedsVersions, frozen=True, kw_only=True):
    """It is not made for this Python."""

    code: ClassVar[str] = "dependencies.python-out-of-range"
    symptom: ClassVar[Symptom] = "crashed"

    version: str
    python: str
    wanted: str


class Broken(NeedsVersions, frozen=True, kw_only=True):
    """Its installation is not whole.

    ``problem`` is ``no-metadata``, ``no-version``, ``unreadable``, ``files-gone`` (``files`` names some) or
    ``other-code`` (``files`` says of which version the code is). ``location`` is its metadata.
    """

    code: ClassVar[str] = "dependencies.broken"
    symptom: ClassVar[Symptom] = "crashed"

    version: str
    problem: str
    files: list[str]
    location: str


class Duplicate(NeedsVersions, frozen=True, kw_only=True):
    """One folder has metadata of several ``versions`` of it: nobody can tell which of them the code is."""

    code: ClassVar[str] = "dependencies.duplicate"

    versions: list[str]
    locations: list[str]


class Shadowed(Finding, frozen=True, kw_only=True):
    """Another folder on the path has it too, in another version, and comes first (``location``)."""

    code: ClassVar[str] = "dependencies.shadowed"
    severity: ClassVar[Severity] = "warning"

    version: str
    location: str
    hidden: list[str]


class InvalidVersion(Finding, frozen=True, kw_only=True):
    """Its version is none that can be compared."""

    code: ClassVar[str] = "dependencies.invalid-version"
    severity: ClassVar[Severity] = "warning"

    version: str
    wanted: list[str]


class InvalidRequirement(Finding, frozen=True, kw_only=True):
    """Requirements (``lines``) of a distribution that cannot be read, and so were not judged."""

    code: ClassVar[str] = "dependencies.invalid-requirement"
    severity: ClassVar[Severity] = "info"

    lines: list[str]


class NewerThanKnown(Finding, frozen=True, kw_only=True):
    """It is newer than the tables, which end with ``newest``: what only they know was not judged."""

    code: ClassVar[str] = "dependencies.newer-than-known"
    severity: ClassVar[Severity] = "info"

    version: str
    newest: str


class Elsewhere(Finding, frozen=True, kw_only=True):
    """Conflicts in the environment (``subject``: its folder) among distributions that the service does not need."""

    code: ClassVar[str] = "dependencies.elsewhere"
    severity: ClassVar[Severity] = "info"

    problems: list[str] = field(default_factory=list)


class Leftovers(Finding, frozen=True, kw_only=True):
    """Remains of removals that were broken off, in the environment (``subject``: its folder)."""

    code: ClassVar[str] = "dependencies.leftovers"
    severity: ClassVar[Severity] = "info"

    files: list[str]

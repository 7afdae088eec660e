"""From the YAML of a playbook to its plays. What is wrong is collected; the rest is read on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from autoglm_fix.authored.problems import Problem, quoted
from autoglm_fix.authored.variables import Layer, layer_of
from autoglm_fix.authored.vault import Keyring
from autoglm_fix.authored.yaml_source import (
    YamlEntry,
    YamlMapping,
    YamlNode,
    YamlScalar,
    YamlSequence,
    is_empty,
    read_yaml,
)

from .becoming import read_becoming
from .calls import read_call
from .conditions import read_condition
from .extra_vars import ExtraVars
from .fields import Fields
from .grammar import PLAY, VERIFY
from .model import Play, Step, Verify
from .references import check_names, entries_of
from .steps import StepReader
from .vars import read_vars
from .vocabulary import Vocabulary

_SHAPE = "A playbook is a list of plays: begin each with '- name:' and 'hosts:'."


@dataclass(frozen=True)
class PlaybookReader:
    """Reads the plays of one file. ``outside`` are names that others define, None where nobody knows."""

    path: Path
    vocabulary: Vocabulary
    extra: ExtraVars
    outside: Collection[str] | None
    problems: list[Problem]
    keys: Keyring

    def read(self, root: YamlNode) -> tuple[Play, ...]:
        """The plays that could be read."""
        if is_empty(root):
            self.problems.append(root.at.problem("the playbook is empty", _SHAPE))
            return ()
        if not isinstance(root, YamlSequence):
            self.problems.append(root.at.problem("a playbook is a list of plays", _hint(root)))
            return ()
        if not root.items:
            self.problems.append(root.at.problem("the playbook has no plays", _SHAPE))
        plays = [self._play(item) for item in root.items]
        return tuple(play for play in plays if play is not None)

    def _play(self, node: YamlNode) -> Play | None:
        if not isinstance(node, YamlMapping):
            self.problems.append(node.at.problem("a play is a mapping of keywords", _SHAPE))
            return None
        fields = Fields(node, PLAY, "a play", self.problems)
        written = self._vars(fields)
        extra = self.extra.for_play(written, self.problems)
        outside = None if self.outside is None else {*self.outside, *extra}
        check_names(node, {**written, **extra}, outside, self.problems)
        steps = self._steps(fields, {**written, **extra})
        verify = self._verify(fields)
        if fields.node("steps") is None and fields.node("verify") is None:
            self.problems.append(node.at.problem("a play needs 'steps' or 'verify'"))
        hosts = fields.node("hosts")
        if hosts is None:
            return None
        return Play(
            name=fields.text("name") or "",
            position=node.at,
            hosts=hosts,
            steps=steps,
            verify=verify,
            vars=written,
            extra=extra,
            serial=fields.node("serial"),
            max_fail_percentage=fields.node("max_fail_percentage"),
            max_unavailable=fields.node("max_unavailable"),
            max_loading=fields.node("max_loading"),
            any_errors_fatal=fields.flag("any_errors_fatal"),
            becoming=read_becoming(fields, entries_of(node, "steps"), self.problems),
            on_failure="rollback" if fields.text("on_failure") == "rollback" else "keep",
            tags=fields.words("tags"),
            folder=self.path.parent,
        )

    def _vars(self, fields: Fields) -> Layer:
        found = read_vars(fields.entry("vars"), self.problems)
        entry = fields.entry("vars_files")
        named = [] if entry is None else entry.value.items if isinstance(entry.value, YamlSequence) else [entry.value]
        for node in named:
            found = {**found, **self._vars_file(node)}
        return found

    def _vars_file(self, node: YamlNode) -> Layer:
        name = str(node.value) if isinstance(node, YamlScalar) else ""
        before = len(self.problems)
        root = read_yaml(self.path.parent / name, self.problems, self.keys)
        if root is None and len(self.problems) == before + 1 and self.problems[-1].line == 0:
            # The line that names the file is the one to mend.
            told = self.problems.pop()
            self.problems.append(node.at.problem(f"{quoted(name)}: {told.message}", told.hint))
        if root is None or is_empty(root):
            return {}
        if not isinstance(root, YamlMapping):
            self.problems.append(root.at.problem("a file of variables is a mapping"))
            return {}
        return layer_of(root)

    def _steps(self, fields: Fields, variables: Layer) -> tuple[Step, ...]:
        reader = StepReader(self.vocabulary, fields, variables, self.problems)
        found = [reader.step(item) for item in self._items(fields.entry("steps"), "steps")]
        return tuple(step for step in found if step is not None)

    def _verify(self, fields: Fields) -> tuple[Verify, ...]:
        found = [self._proof(item) for item in self._items(fields.entry("verify"), "proofs")]
        return tuple(proof for proof in found if proof is not None)

    def _proof(self, node: YamlNode) -> Verify | None:
        call = read_call(node, "proof", self.vocabulary.proofs, self.problems, beside=VERIFY)
        if call is None:
            return None
        if not isinstance(node, YamlMapping):
            return Verify(call, call.target.summary, node.at)
        fields = Fields(node, VERIFY, "a proof", self.problems, others=self.vocabulary.proofs)
        when = read_condition(fields.entry("when"), self.problems)
        return Verify(call, fields.text("name") or call.target.summary, node.at, when)

    def _items(self, entry: YamlEntry | None, what: str) -> tuple[YamlNode, ...]:
        if entry is None:
            return ()
        if not isinstance(entry.value, YamlSequence):
            hint = "Begin each with '- '."
            self.problems.append(entry.value.at.problem(f"{quoted(entry.key)} holds a list of {what}", hint))
            return ()
        if not entry.value.items:
            self.problems.append(entry.at.problem(f"{quoted(entry.key)} is empty"))
        return entry.value.items


def _hint(root: YamlNode) -> str:
    if isinstance(root, YamlMapping) and any(_looks_like_a_group(entry.value) for entry in root.entries.values()):
        return "This looks like an inventory: give it with -i."
    return _SHAPE


def _looks_like_a_group(node: YamlNode) -> bool:
    return isinstance(node, YamlMapping) and bool({"hosts", "children"} & set(node.entries))

"""Which steps of a playbook are done: ``--tags``, ``--skip-tags``, ``--start-at``, as Ansible means them."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, replace

from autoglm_fix.authored.problems import Position, Problem, did_you_mean, quoted, raise_if_any

from .model import Playbook, Step

# A step with this tag is done unless it is skipped by name; one with the other only if named.
ALWAYS, NEVER = "always", "never"
_ALL, _TAGGED, _UNTAGGED = "all", "tagged", "untagged"
_SPECIAL = (ALWAYS, NEVER, _ALL, _TAGGED, _UNTAGGED)


@dataclass(frozen=True)
class Selection:
    """Tags to do and to leave out, and the name of the first step."""

    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    start_at: str | None = None

    def takes(self, step: Step) -> bool:
        """Whether a step is done, as far as tags say."""
        own = set(step.tags)
        kinds = own | {_TAGGED if own else _UNTAGGED}
        if kinds & set(self.skip_tags):
            return False
        named = bool(own & set(self.tags))
        if NEVER in own:
            return named
        return named or not self.tags or ALWAYS in own or bool((kinds | {_ALL}) & set(self.tags))


def split_tags(options: Sequence[str]) -> tuple[str, ...]:
    """The tags of all ``--tags`` together: words with commas between them."""
    return tuple(dict.fromkeys(tag.strip() for option in options for tag in option.split(",") if tag.strip()))


def select_steps(playbook: Playbook, selection: Selection) -> Playbook:
    """The playbook with the selected steps alone; its proofs stay.

    Raises BadInput for a tag or a step that there isn't, and where no step is left of those there were.
    """
    raise_if_any(_unknown(playbook, selection))
    plays = playbook.plays
    if selection.start_at is not None:
        number, first = _start(playbook, selection.start_at)
        plays = tuple(
            replace(play, steps=play.steps[first:] if play is plays[number] else play.steps) for play in plays
        )
        plays = plays[number:]
    left = tuple(replace(play, steps=tuple(filter(selection.takes, play.steps))) for play in plays)
    if any(play.steps for play in plays) and not any(play.steps for play in left):
        option = "--tags" if selection.tags else "--skip-tags"
        raise_if_any([Position(option).problem("these tags leave no step", _tags_there_are(playbook))])
    return replace(playbook, plays=left)


def _unknown(playbook: Playbook, selection: Selection) -> list[Problem]:
    there = {tag for play in playbook.plays for step in play.steps for tag in step.tags}
    problems = []
    for option, tags in (("--tags", selection.tags), ("--skip-tags", selection.skip_tags)):
        for tag in tags:
            if tag not in there and tag not in _SPECIAL:
                hint = did_you_mean(tag, there) or _tags_there_are(playbook)
                problems.append(Position(option).problem(f"no step has the tag {quoted(tag)}", hint))
    names = [step.name for play in playbook.plays for step in play.steps]
    wanted = selection.start_at
    if wanted is not None and not any(_is(name, wanted) for name in names):
        hint = did_you_mean(wanted, names, nouns="steps")
        problems.append(Position("--start-at").problem(f"no step is named {quoted(wanted)}", hint))
    return problems


def _start(playbook: Playbook, wanted: str) -> tuple[int, int]:
    places = (
        (number, index)
        for number, play in enumerate(playbook.plays)
        for index, step in enumerate(play.steps)
        if _is(step.name, wanted)
    )
    return next(places)


def _is(name: str, wanted: str) -> bool:
    return name == wanted or fnmatch.fnmatchcase(name, wanted)


def _tags_there_are(playbook: Playbook) -> str:
    there = {tag for play in playbook.plays for step in play.steps for tag in step.tags}
    return f"The tags are: {', '.join(sorted(there))}." if there else "No step has tags."

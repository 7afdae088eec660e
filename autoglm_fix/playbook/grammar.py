"""The keywords of plays and steps, as data: what each takes and what it is for.

Reading, docs and the JSON Schema follow from these tables. ``None`` for a type marks a keyword with
a shape of its own (steps, vars, conditions ...), which ``reading`` knows by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from autoglm_fix.authored.typed import text_like

from .model import ActOn, OnFailure

Percentage = Annotated[str, text_like(r"^(100|[1-9][0-9]?)%$", "a percentage such as 25%")]
BatchSize = Annotated[int, Meta(ge=1)] | Percentage
Serial = Annotated[int, Meta(ge=1)] | Percentage | list[BatchSize]
Words = str | list[str]
Name = Annotated[
    str, text_like("^[A-Za-z_][A-Za-z0-9_]*$", "a name of letters, digits and _ that begins with no digit")
]
Allowed = Literal["kill", "recreate", "command", "end-session", "daemon-reload"]
Denied = Literal["restart", "kill", "recreate", "command", "end-session", "daemon-reload"]
Seconds = Annotated[float, Meta(gt=0)]


@dataclass(frozen=True)
class Keyword:
    """One keyword. ``templated`` ones may hold templates; those not ``available`` are refused by name."""

    type: Any
    about: str
    templated: bool = False
    required: bool = False
    available: bool = True


Grammar = Mapping[str, Keyword]

_TAGS = Keyword(Words, "Words by which --tags and --skip-tags choose steps.")
_ALLOW = Keyword(Allowed | list[Allowed], "Disruptive kinds of change that may be made.")
_DENY = Keyword(Denied | list[Denied], "Kinds of change that may not be made.")
_FATAL = Keyword(bool, "Whether one host's failure ends the play on all hosts.")
_BECOME: Grammar = {
    "become": Keyword(bool, "Whether to act as another user on the hosts."),
    "become_user": Keyword(str, "That user, root if nothing is said."),
    "become_method": Keyword(Literal["sudo", "su", "doas"], "How to become that user."),
}
_VARS = Keyword(None, "Variables and their values.")
_WHEN = Keyword(None, "An expression, or several of which all must hold, without braces.")

PLAY: Grammar = {
    "name": Keyword(str, "What the play is about."),
    "hosts": Keyword(Words, "The hosts, as a pattern: all, a group, a:b:!c, globs, ranges.", True, required=True),
    "serial": Keyword(Serial, "How many hosts are changed at a time: a number, a share, or a list of them.", True),
    "max_fail_percentage": Keyword(
        Annotated[float, Meta(ge=0, le=100)], "The share of hosts that may fail before no further one is changed.", True
    ),
    "max_unavailable": Keyword(
        BatchSize, "How many replicas that answer may be out at once, of those that serve one model by one name.", True
    ),
    "max_loading": Keyword(
        Annotated[int, Meta(ge=1)], "How many hosts may load or fetch a model from one source at once.", True
    ),
    "any_errors_fatal": _FATAL,
    "vars": _VARS,
    "vars_files": Keyword(Words, "Files of variables, relative to the playbook. They outrank 'vars'."),
    "on_failure": Keyword(OnFailure, "What becomes of a host's changes where a step or proof failed."),
    "allow": _ALLOW,
    "deny": _DENY,
    "tags": _TAGS,
    "steps": Keyword(None, "What is looked at and repaired, in this order."),
    "verify": Keyword(None, "The proofs that end the play."),
    "handlers": Keyword(None, "Steps that others notify.", available=False),
    **_BECOME,
}

STEP: Grammar = {
    "name": Keyword(str, "What is true after the step; without it, what its diagnostic says."),
    "diagnose": Keyword(None, "One diagnostic, with its options.", required=True),
    "fix": Keyword(None, "One fix or a list: for each finding the first that has something to offer is used."),
    "when": _WHEN,
    "loop": Keyword(None, "A list: the step is done once for each item."),
    "loop_control": Keyword(None, "Names for the item of a loop, its number, and its label."),
    "register": Keyword(Name, "The name under which later steps see the result of this one."),
    "tags": _TAGS,
    "vars": _VARS,
    "ignore_errors": Keyword(bool, "Whether the play goes on for a host where this step failed."),
    "any_errors_fatal": _FATAL,
    "no_log": Keyword(bool, "Whether values are kept out of every output."),
    "timeout": Keyword(Seconds, "Seconds that the step may take, looking included.", True),
    "until": _WHEN,
    "retries": Keyword(
        Annotated[int, Meta(ge=0)], "How often the diagnosis is repeated at most; a fix never is.", True
    ),
    "delay": Keyword(Annotated[float, Meta(ge=0)], "Seconds between two of them.", True),
    "act_on": Keyword(ActOn, "The least severity of findings that are repaired."),
    "allow": _ALLOW,
    "deny": _DENY,
    "notify": Keyword(Words, "Handlers to run if something was changed.", available=False),
    "run_once": Keyword(bool, "Whether one host does this for all; its result is registered for all."),
    "throttle": Keyword(Annotated[int, Meta(ge=0)], "How many hosts may be at this step at once; 0: any number."),
    **_BECOME,
}

LOOP_CONTROL: Grammar = {
    "loop_var": Keyword(Name, "The item's name, 'item' if nothing is said."),
    "index_var": Keyword(Name, "A name for the item's number, from 0."),
    "label": Keyword(str, "What reports call the item.", True),
}

# Beside the proof itself, named by its kind.
VERIFY: Grammar = {
    "name": Keyword(str, "What is proved; without it, what the kind of proof says."),
    "when": _WHEN,
}

# What people bring from Ansible, and what it is called here.
FOREIGN: Mapping[str, str] = {
    "tasks": "Here they are called 'steps'.",
    "pre_tasks": "Put them first among 'steps'.",
    "post_tasks": "Put them last among 'steps', or below 'verify'.",
    "gather_facts": "Facts are collected as steps need them: leave this out.",
    "roles": "A playbook here is one file.",
    "with_items": "Use 'loop'.",
    "failed_when": "A diagnostic decides what is wrong; see 'ignore_errors'.",
    "changed_when": "A step has changed something if a fix did: leave this out.",
    "block": "Use a play of its own, with 'on_failure: rollback' to undo what failed.",
    "rescue": "Use a play of its own, with 'on_failure: rollback' to undo what failed.",
    "strategy": "Hosts are looked at side by side; 'serial' orders changes.",
    "check_mode": "Use --dry-run.",
    "connection": "Set 'ansible_connection' in the inventory, or with -e.",
    "remote_user": "Set 'ansible_user' in the inventory, or use -u.",
    "port": "Set 'ansible_port' in the inventory.",
    "become_flags": "Set 'ansible_become_flags' in the inventory.",
    "become_exe": "Set 'ansible_become_exe' in the inventory.",
    "environment": "Set 'environment' of the service in the inventory.",
    "fixes": "It is called 'fix'.",
    "diagnostic": "It is called 'diagnose'.",
}

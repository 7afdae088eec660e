"""YAML to a typed, checked playbook; its templates evaluated for one host; its lint and its JSON Schema."""

from .binding import (
    BoundCall,
    BoundStep,
    PlayLimits,
    Repeat,
    bind_call,
    bind_play,
    bind_repeat,
    bind_step,
    bind_verify,
    holds,
    play_variables,
    ruled_out,
)
from .extra_vars import ExtraVars, parse_extra_vars
from .find import find_playbook, shipped_playbooks
from .loader import load_playbook
from .model import Call, Play, Playbook, Step, Verify
from .preflight import check_hosts, check_play
from .selection import Selection, select_steps, split_tags
from .vocabulary import Vocabulary, shipped

__all__ = [
    "BoundCall",
    "BoundStep",
    "Call",
    "ExtraVars",
    "Play",
    "PlayLimits",
    "Playbook",
    "Repeat",
    "Selection",
    "Step",
    "Verify",
    "Vocabulary",
    "bind_call",
    "bind_play",
    "bind_repeat",
    "bind_step",
    "bind_verify",
    "check_hosts",
    "check_play",
    "find_playbook",
    "holds",
    "load_playbook",
    "parse_extra_vars",
    "play_variables",
    "ruled_out",
    "select_steps",
    "shipped",
    "shipped_playbooks",
    "split_tags",
]

"""What is offered, installed and asked for, and the smallest change that grants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from autoglm_fix.agent.facts.environment import Distribution
from tests.resolve.environments import dist

Moves = dict[str, tuple[str | None, str | None]]


@dataclass
class Case:
    """What an index offers (name, version, requirements), what is installed and asked for, and what moves."""

    offered: Sequence[tuple[str, ...]]
    installed: Sequence[Distribution]
    asked: Sequence[str]
    moves: Moves
    why: dict[str, str] = field(default_factory=dict)


CASES = {
    "only what is asked for moves": Case(
        [("engine", "1.0"), ("engine", "2.0", "lib"), ("other", "9.0"), ("lib", "2.0")],
        [dist("engine", "1.0", "lib"), dist("other", "1.0"), dist("lib", "1.0")],
        ["engine>=2"],
        {"engine": ("1.0", "2.0")},
        {"engine": "asked for: engine>=2"},
    ),
    "nothing moves where everything holds already": Case(
        [("engine", "2.0")], [dist("engine", "1.0", "lib>=1"), dist("lib", "1.0")], ["engine>=1"], {}
    ),
    "what is in the way moves along": Case(
        [("engine", "2.0", "lib>=2"), ("lib", "2.0", "base"), ("base", "7")],
        [dist("engine", "1.0", "lib<2"), dist("lib", "1.0"), dist("base", "1")],
        ["engine>=2"],
        {"engine": ("1.0", "2.0"), "lib": ("1.0", "2.0")},
        {"lib": "engine 2.0 needs another lib"},
    ),
    "a dependency goes back to what is asked of it": Case(
        [("lib", "1.9"), ("lib", "2.0"), ("engine", "3.0", "lib")],
        [dist("engine", "1.0", "lib<2"), dist("lib", "2.0")],
        ["lib<2"],
        {"lib": ("2.0", "1.9")},
        {"lib": "engine 1.0 needs lib<2"},
    ),
    "who asks for too little moves where the dependency cannot": Case(
        [("lib", "1.9"), ("lib", "2.0"), ("engine", "1.1", "lib>=2")],
        [dist("engine", "1.0", "lib<2"), dist("lib", "2.0"), dist("other", "1.0", "lib>=2", editable=True)],
        ["lib<2"],
        {"engine": ("1.0", "1.1")},
    ),
    "without a requirement all that is asked for in vain is cured": Case(
        [("lib", "1.9"), ("tool", "1.0")],
        [dist("engine", "1.0", "lib<2", "tool"), dist("lib", "2.0")],
        [],
        {"lib": ("2.0", "1.9"), "tool": (None, "1.0")},
    ),
    "what nobody named stays wrong": Case(
        [("engine", "2.0"), ("lib", "1.9"), ("lib", "2.0")],
        [dist("engine", "1.0"), dist("other", "1.0", "lib<2", "absent"), dist("lib", "2.0")],
        ["engine>=2"],
        {"engine": ("1.0", "2.0")},
    ),
    "a requirement that holds already keeps its distribution there and cures nothing else of it": Case(
        [("lib", "1.9"), ("lib", "2.1"), ("engine", "2.0", "lib")],
        [dist("engine", "1.0"), dist("other", "1.0", "lib<2"), dist("lib", "2.0")],
        ["engine>=2", "lib>=1.5"],
        {"engine": ("1.0", "2.0")},
    ),
    "what only an unused extra lacks is not cured": Case(
        [("tool", "1.0"), ("lib", "1.0")],
        [dist("engine", "1.0", "tool", "lib; extra == 'more'", extras=["more"])],
        [],
        {"tool": (None, "1.0")},
    ),
    "what is not made for this Python is replaced": Case(
        [("lib", "1.9"), ("engine", "1.0")],
        [dist("lib", "2.0", requires_python=">=3.12"), dist("engine", "1.0", "lib")],
        ["lib"],
        {"lib": ("2.0", "1.9")},
    ),
    "a missing distribution comes with what it needs": Case(
        [("accelerate", "1.0", "numpy>=1.20", "psutil"), ("numpy", "2.0"), ("psutil", "6.0")],
        [dist("numpy", "1.26")],
        ["accelerate"],
        {"accelerate": (None, "1.0"), "psutil": (None, "6.0")},
        {"accelerate": "asked for: accelerate", "psutil": "accelerate 1.0 needs psutil"},
    ),
    "extras are minded": Case(
        [("server", "2.0", "loop; extra == 'fast'"), ("loop", "1.0")],
        [dist("server", "1.0", extras=["fast"])],
        ["server[fast]>=2"],
        {"server": ("1.0", "2.0"), "loop": (None, "1.0")},
    ),
    "what is broken is installed anew in its own version": Case(
        [("numpy", "1.26"), ("numpy", "2.0")],
        [dist("numpy", "1.26", problem="files-gone"), dist("engine", "1.0", "numpy")],
        ["numpy"],
        {"numpy": ("1.26", "1.26")},
    ),
    "of two copies one is installed anew": Case(
        [("numpy", "1.26"), ("numpy", "2.0")],
        [dist("numpy", "1.26"), dist("numpy", "1.25", shadowed=True)],
        ["numpy"],
        {"numpy": ("1.26", "1.26")},
    ),
    "what moved unasked goes back where it fits as well": Case(
        [("engine", "2.0", "lib<3"), ("engine", "3.0", "lib>=3"), ("lib", "3.0")],
        [dist("engine", "1.0", "lib"), dist("lib", "2.0"), dist("plugin", "1.0", "lib")],
        ["engine>=2", "plugin"],
        {"engine": ("1.0", "2.0")},
    ),
    "what is asked for comes from the nearest series, though an older one would move less": Case(
        [
            ("transformers", "2.3.0"),
            ("transformers", "4.40.0", "hub>=0.20,<1"),
            ("transformers", "4.57.6", "hub>=0.34,<1"),
            ("hub", "0.36.2"),
            ("hub", "0.20.0"),
        ],
        [dist("transformers", "5.23.0", "hub>=1"), dist("hub", "2.4.0")],
        ["transformers<5"],
        {"transformers": ("5.23.0", "4.57.6"), "hub": ("2.4.0", "0.36.2")},
        {"hub": "transformers 4.57.6 needs another hub"},
    ),
    "what has to be newer is of the nearest newer series": Case(
        [("lib", "1.1"), ("lib", "1.9"), ("lib", "2.0"), ("lib", "3.0"), ("lib", "4.0")],
        [dist("lib", "1.2")],
        ["lib>=1.99"],
        {"lib": ("1.2", "2.0")},
    ),
    "what has to be newer stays in its series where that will do": Case(
        [("lib", "1.9"), ("lib", "2.0")], [dist("lib", "1.2")], ["lib>=1.5"], {"lib": ("1.2", "1.9")}
    ),
    "an older minor release is taken where the newest does not fit": Case(
        [("lib", "2.1", "base>=2"), ("lib", "2.0"), ("lib", "1.0"), ("base", "2.0")],
        [dist("lib", "3.0"), dist("base", "1.0"), dist("user", "1.0", "base<2", editable=True)],
        ["lib<3"],
        {"lib": ("3.0", "2.0")},
    ),
    "an older series is the last resort": Case(
        [("lib", "2.1", "base>=2"), ("lib", "1.5"), ("base", "2.0")],
        [dist("lib", "3.0"), dist("base", "1.0"), dist("user", "1.0", "base<2", editable=True)],
        ["lib<3"],
        {"lib": ("3.0", "1.5")},
    ),
    "what is new is of the newest series that fits": Case(
        [("accel", "2.0", "lib>=2"), ("accel", "0.1"), ("lib", "2.0")],
        [dist("lib", "1.0"), dist("engine", "1.0", "accel")],
        ["accel"],
        {"accel": (None, "2.0"), "lib": ("1.0", "2.0")},
    ),
    "what a person chose is taken back to an older series where nothing else will do": Case(
        [("vllm", "0.12.0", "transformers<5"), ("transformers", "4.57.6")],
        [dist("transformers", "5.23.0")],
        ["vllm==0.12.0"],
        {"vllm": (None, "0.12.0"), "transformers": ("5.23.0", "4.57.6")},
        {"transformers": "vllm 0.12.0 needs another transformers"},
    ),
    "what a person chose is not taken back to an older series": Case(
        [("engine", "0.9"), ("engine", "0.12.1", "lib>=3"), ("lib", "2.0"), ("lib", "3.0"), ("tool", "2.0", "lib>=3")],
        [dist("engine", "0.12.0", "lib<3"), dist("lib", "2.0")],
        ["tool"],
        {"engine": ("0.12.0", "0.12.1"), "lib": ("2.0", "3.0"), "tool": (None, "2.0")},
    ),
    "a wheel that came as a file moves where it is named": Case(
        [("lib", "1.9"), ("lib", "2.1")],
        [dist("engine", "1.0", "lib<2"), dist("lib", "2.0", direct_url="file:///srv/lib-2.0-py3-none-any.whl")],
        ["lib<2"],
        {"lib": ("2.0", "1.9")},
    ),
    "a pre-release that is installed stays": Case(
        [("transformers", "4.57.0"), ("transformers", "5.0.0"), ("accelerate", "1.0", "transformers>=4")],
        [dist("transformers", "5.0.0rc0")],
        ["accelerate"],
        {"accelerate": (None, "1.0")},
    ),
    "a pre-release that is asked for comes": Case(
        [("transformers", "4.57.0"), ("transformers", "5.0.0rc0")],
        [dist("transformers", "4.57.0")],
        ["transformers>=5.0.0rc0"],
        {"transformers": ("4.57.0", "5.0.0rc0")},
    ),
    "lines and versions that nobody can read are passed over": Case(
        [("engine", "2.0")],
        [dist("engine", "1.0", "lib (>=1.0.*", ""), dist("old", "2004d"), dist("user", "1.0", "old>=1", "lib>1")],
        ["engine>=2"],
        {"engine": ("1.0", "2.0")},
    ),
    "a requirement by URL is one by name": Case(
        [("engine", "2.0")],
        [
            dist("engine", "1.0"),
            dist("user", "1.0", "engine @ git+https://example.org/engine"),
            dist("x", "1", "y @ u:"),
        ],
        ["engine>=2"],
        {"engine": ("1.0", "2.0")},
    ),
    "a library for another series of CUDA makes room": Case(
        [("torch", "2.9", "nvidia-nccl-cu13"), ("nvidia-nccl-cu13", "2.28")],
        [dist("torch", "2.8", "nvidia-nccl-cu12"), dist("nvidia-nccl-cu12", "2.27")],
        ["torch>=2.9"],
        {"torch": ("2.8", "2.9"), "nvidia-nccl-cu13": (None, "2.28"), "nvidia-nccl-cu12": ("2.27", None)},
    ),
    "a library for another series of CUDA stays where somebody needs it": Case(
        [("torch", "2.9", "nvidia-nccl-cu13"), ("nvidia-nccl-cu13", "2.28")],
        [
            dist("torch", "2.8", "nvidia-nccl-cu12"),
            dist("nvidia-nccl-cu12", "2.27"),
            dist("cupy-cuda12x", "13.0", "nvidia-nccl-cu12"),
        ],
        ["torch>=2.9"],
        {"torch": ("2.8", "2.9"), "nvidia-nccl-cu13": (None, "2.28")},
    ),
}

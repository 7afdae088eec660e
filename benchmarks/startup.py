"""``autoglm-fix --help`` and an idle agent, beside Python itself and the peers that are installed."""

from __future__ import annotations

import shutil
import sys

from autoglm_fix.connect import Agent, Request
from autoglm_fix.connect.bundle import argv
from autoglm_fix.connect.local import LocalChannel

from .timing import command, compare, show


def greet() -> None:
    """Start a local agent, hear it, end it."""
    agent = Agent(LocalChannel(argv(sys.executable)))
    agent.ask(Request("hello", modules=("autoglm_fix.agent.hello",)))
    agent.close()


def main() -> None:
    """Print the table."""
    contenders = {
        "python -c pass": command([sys.executable, "-c", "pass"]),
        "autoglm-fix --help": command([sys.executable, "-m", "autoglm_fix", "--help"]),
        "a local agent's greeting": greet,
    }
    for peer in ("ansible-playbook", "pyinfra"):
        if found := shutil.which(peer):
            contenders[f"{peer} --help"] = command([found, "--help"])
    show("start-up", compare(contenders), base="python -c pass")


if __name__ == "__main__":
    main()

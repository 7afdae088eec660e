"""The state directory of a host: one folder for each run that changed something, and the lock beside them."""

from __future__ import annotations

import os


def default_state_dir() -> str:
    """/var/lib/autoglm-fix for root, else the user's own state directory."""
    if os.geteuid() == 0:
        return "/var/lib/autoglm-fix"
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "autoglm-fix")


class State:
    """One state directory. Nothing is created before something is about to change."""

    def __init__(self, folder: str) -> None:
        self.folder = folder or default_state_dir()

    @property
    def parcels(self) -> str:
        """Where files lie that were sent or fetched for the run that holds the lock."""
        return os.path.join(self.folder, "parcels")

    def run_folder(self, run: str) -> str:
        return os.path.join(self.folder, "runs", os.path.basename(run))

    def runs(self) -> list[str]:
        """Ids of the runs that changed something here, oldest first."""
        try:
            return sorted(os.listdir(os.path.join(self.folder, "runs")))
        except FileNotFoundError:
            return []

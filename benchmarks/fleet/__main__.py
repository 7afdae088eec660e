"""Ten small steps on 1, 10, 50 and 200 hosts, 0 and 50 ms away, healthy and with a change each: one table."""

from __future__ import annotations

import argparse
import compileall
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import autoglm_fix

from .contenders import Contender, contenders
from .lab import Lab, lab
from .measure import Taken, measured

_PEERS = Path.home() / ".cache" / "autoglm-fix" / "benchmarks" / "peers"


def peers(folder: Path) -> Path:
    """An environment with the peers, made where there is none."""
    if not (folder / "bin" / "pyinfra").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        packages = ["ansible-core", "mitogen", "pyinfra"]
        subprocess.run([str(folder / "bin" / "pip"), "install", "-q", *packages], check=True)
    return folder


def row(here: Lab, contender: Contender, changes: int, runs: int) -> list[Taken]:
    """Some runs of one contender, after one that does not count, each on files laid anew."""
    taken = []
    for turn in range(runs + 1):
        here.lay(changes=changes)
        one = measured(contender)
        if contender.changes and not here.is_done():
            raise RuntimeError(f"{contender.name} has left files without their line")
        taken += [one] if turn else []
    return taken


def show(taken: dict[str, list[Taken]], hosts: int) -> None:
    """One block of the table: medians, and each one's time over the floor's and ours."""
    medians = {name: statistics.median(each.clock for each in runs) for name, runs in taken.items()}
    for name, runs in taken.items():
        processors = statistics.median(each.processors for each in runs)
        memory = max(each.memory for each in runs) / 2**20
        sent = runs[-1].sent
        wire = "" if sent is None else f"{sent / hosts / 1024:8.1f} KiB a host"
        over = f"{medians[name] / medians['floor']:6.2f} x floor  {medians[name] / medians['autoglm-fix']:6.2f} x ours"
        print(f"  {name:<22}{medians[name]:8.2f} s {processors:8.2f} s cpu {memory:7.0f} MiB{wire}  {over}", flush=True)


def table(folder: Path, counts: Sequence[int], round_trips: Sequence[float], runs: int, of: Path | None) -> None:
    """Measure and print everything."""
    for round_trip in round_trips:
        for count in counts:
            with lab(folder, count, round_trip) as here:
                for changes in (0, 1):
                    what = "one change each" if changes else "healthy"
                    print(f"\n{count} hosts, {round_trip * 1000:.0f} ms, {what} (median of {runs})", flush=True)
                    taken = {
                        each.name: row(here, each, changes, runs)
                        for each in contenders(here, of)
                        if count <= each.upto and (each.changes or not changes or each.name == "floor")
                    }
                    show(taken, count)


def main() -> None:
    """Needs root, sshd and iproute2; the peers are installed once into a cache."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 10, 50, 200])
    parser.add_argument("--round-trip", type=float, nargs="+", default=[0.0, 50.0], metavar="MS")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=_PEERS, help="an environment that holds, or will hold, them")
    parser.add_argument("--without-peers", action="store_true")
    options = parser.parse_args()
    # As pip does when it installs: the peers come from there, and this tool from a working tree.
    compileall.compile_dir(Path(autoglm_fix.__file__).parent, quiet=1)
    of = None if options.without_peers else peers(options.peers)
    with tempfile.TemporaryDirectory(prefix="fleet") as folder:
        table(Path(folder), options.hosts, [each / 1000 for each in options.round_trip], options.runs, of)


if __name__ == "__main__":
    main()

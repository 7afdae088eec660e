"""Starting and stopping a container: through its engine, and through compose where a file defines it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from typing import IO, Any, Callable

from ..changes import CannotChange
from .container_record import Found
from .containers import log_of, state_of
from .engine_api import Engine, EngineError, addresses
from .processes import alive, tree

_LONGEST_STOP_S = 3600.0


class Contained:
    """A container that its engine starts and stops."""

    def __init__(self, found: Found | None, why_not: str = "") -> None:
        self._found = found
        self._why_not = why_not
        self._engine = Engine(found.engine if found else "")
        self._id = str(found.record["Id"]) if found else ""
        self._acting: threading.Thread | None = None
        self._problem = self._hint = ""

    def problem(self) -> str | None:
        """Why nothing can be done with it."""
        return self._why_not or None

    def state(self) -> str:
        """As ``Control`` says. CannotChange where what was begun has been refused since."""
        if self._acting is not None and self._acting.is_alive():
            return "stopping" if self._acting.name == "stop" else "starting"
        if self._problem:
            raise CannotChange(self._problem, self._hint)
        now = self._now()
        return state_of(now.record) if now is not None else "absent"

    def start(self) -> None:
        """Begin to start it; what was paused goes on."""
        now = self._now()
        if now is None:
            raise CannotChange("the container is not there any more")
        paused = bool(now.record["State"].get("Paused"))
        self._begin("start", lambda: (self._engine.unpause if paused else self._engine.start)(self._id))

    def stop(self) -> None:
        """Begin to stop it; the engine gives it the time of its record."""
        self._begin("stop", lambda: self._engine.stop(self._id, _LONGEST_STOP_S))

    def restart(self) -> bool:
        """Begin to restart it. The engine does it in one go, whatever becomes of who asked."""
        self._begin("restart", lambda: self._engine.restart(self._id, _LONGEST_STOP_S))
        return True

    def pids(self) -> list[int]:
        """Its main process and those below it."""
        now = self._now()
        return tree(now.pid) if now is not None and now.pid and alive(now.pid) else []

    def log(self) -> list[str]:
        """The end of its output."""
        now = self._now()
        return log_of(now) if now is not None else []

    def _begin(self, name: str, act: Callable[[], None]) -> None:
        if self._acting is not None:
            self._acting.join(_LONGEST_STOP_S)
        self._problem, self._hint = "", ""

        def acting() -> None:
            try:
                act()
            except (EngineError, CannotChange) as err:
                self._problem, self._hint = str(err), getattr(err, "hint", "")

        # The engine answers a stop when it is done; a deadline here must not shorten it.
        self._acting = threading.Thread(target=acting, name=name, daemon=True)
        self._acting.start()

    def _now(self) -> Found | None:
        """Its record as it is now; None where it is gone."""
        if not self._id or self._found is None:
            return None
        try:
            return Found(self._found.engine, self._found.is_podman, self._engine.inspect(self._id))
        except EngineError as err:
            if err.status == 404:
                return None
            raise CannotChange(str(err)) from err


class Composed(Contained):
    """A container that a compose file defines: it is made anew where the file says something else by now."""

    def __init__(
        self, found: Found | None, command: list[str], files: list[str], labels: dict[str, str], compose: Any
    ) -> None:
        super().__init__(found)
        if found is None:
            self._engine = Engine(next(iter(addresses()), ""))
        self._command = command
        self._project = compose.get("project") or labels.get("project") or ""
        self._service = compose.get("service") or labels.get("service") or ""
        self._files = files
        self._labels = labels

    def start(self) -> None:
        """Begin to bring it up, alone, without fetching or building anything."""
        self._begin("start", self._up)

    def restart(self) -> bool:
        """Begin to bring it up with the file as it is; where that changes nothing, to restart it."""

        def act() -> None:
            before = self._began()
            self._up()
            if self._began() == before:
                self._engine.restart(self._id, _LONGEST_STOP_S)

        self._begin("restart", act)
        return True

    def _began(self) -> tuple[str, str]:
        """What changes when a container is made anew, or started."""
        now = self._now()
        return (now.record["Id"], now.record["State"].get("StartedAt", "")) if now is not None else ("", "")

    def _up(self) -> None:
        if self._found is not None:
            self._refuse_loss()
        pull = ["--pull", "never"] if _takes_pull(self._command) else []
        service = [self._service] if self._service else []
        self._run([*self._command, *self._of(), "up", "-d", "--no-deps", "--no-build", *pull, *service])
        self._find_again()

    def _refuse_loss(self) -> None:
        """A container that the file's change would replace takes along what is only in its own layer."""
        from .own_layer import data_of

        lost = data_of(self._engine, self._id)
        if lost and self._hash_now() != self._labels.get("config-hash"):
            named = ", ".join(lost[:3])
            raise CannotChange(
                f"the changed file would replace the container {self._name()}, and {named} would be lost with it",
                hint=f"copy it out first: docker cp {self._name()}:{lost[0]} .",
            )

    def _hash_now(self) -> str:
        out = self._run([*self._command, *self._of(), "config", "--hash", self._service])
        return (out.split() or [""])[-1]

    def _of(self) -> list[str]:
        words = [word for path in self._files for word in ("-f", path)]
        words += ["-p", self._project] if self._project else []
        env_file = self._labels.get("environment_file", "")
        return words + (["--env-file", env_file] if os.path.isfile(env_file) else [])

    def _run(self, argv: list[str]) -> str:
        """Compose's output. It has a session and a file of its own: cut off from here it still finishes."""
        with tempfile.TemporaryFile() as out:
            variables = {**os.environ, "DOCKER_HOST": self._engine.address} if self._engine.address else None
            folder = os.path.dirname(os.path.abspath(self._files[0]))
            try:
                status = subprocess.run(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    cwd=folder,
                    env=variables,
                    start_new_session=True,
                    check=False,
                ).returncode
            except OSError as err:
                raise CannotChange(f"{argv[0]} cannot be run: {err.strerror}") from err
            said = _read(out)
        if status:
            last = [line for line in said.splitlines() if line.strip()][-3:]
            raise CannotChange(f"`{' '.join(argv)}` ended with exit status {status}: {' | '.join(last)}")
        return said

    def _find_again(self) -> None:
        """Compose may have made another container."""
        from ..context import Context
        from ..service import ServiceSpec
        from .container_record import found

        named = {"files": self._files, "service": self._service}
        compose: Any = {**named, "project": self._project} if self._project else named
        self._found = found(Context(), ServiceSpec(compose=compose))
        self._engine = Engine(self._found.engine)
        self._id = str(self._found.record["Id"])

    def _name(self) -> str:
        return self._found.name if self._found is not None else self._service


def compose_command(made_by: str) -> list[str]:
    """The compose of this host, of the generation that made the container where there are both. CannotChange."""
    choices = [["docker", "compose"], ["docker-compose"]]
    for each in choices[::-1] if made_by.startswith("1.") else choices:
        try:
            done = subprocess.run(
                [*each, "version"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return each
    raise CannotChange("neither `docker compose` nor `docker-compose` can be run on this host")


def _takes_pull(command: list[str]) -> bool:
    """Whether it would fetch an image again where the file asks for that, and can be told not to."""
    if command[-1] != "compose":
        return False
    done = subprocess.run(
        [*command, "up", "--help"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20
    )
    return b"--pull" in done.stdout


def _read(out: IO[bytes]) -> str:
    out.seek(0)
    return out.read(1 << 20).decode("utf-8", "replace")

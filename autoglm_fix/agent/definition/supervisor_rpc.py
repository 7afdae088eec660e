"""Talking to supervisord over its own socket, and starting and stopping a program by that."""

from __future__ import annotations

import base64
import http.client
import socket
import xmlrpc.client
from typing import Any

from ..changes import CannotChange
from ..service import ServiceSpec
from ..unknown import CannotTell
from . import NotDefined
from .logs import tail
from .processes import tree
from .supervisor import STATES, Configuration, find, name_of

_PATIENCE_S = 15.0
_BAD_NAME, _NOT_RUNNING, _ALREADY_STARTED, _STILL_RUNNING = 10, 70, 60, 91

Fault = xmlrpc.client.Fault


class Gone(Exception):
    """No supervisord answers."""


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE_S)
        self.sock.connect(self._path)


class Rpc:
    """The interface of one supervisord. Calls raise Gone, Fault, or CannotTell where it may not be asked."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        unix, inet = configuration.section("unix_http_server"), configuration.section("inet_http_server")
        self._place = {**inet, **configuration.section("supervisorctl"), **unix}
        self._file = unix.get("file", "").replace("%(here)s", configuration.path.rpartition("/")[0])
        self._port = inet.get("port", "")

    def call(self, method: str, *arguments: Any) -> Any:
        """The result of ``supervisor.<method>``."""
        body = xmlrpc.client.dumps(arguments, f"supervisor.{method}", allow_none=True).encode()
        headers = {"Content-Type": "text/xml"}
        if self._place.get("username"):
            pair = f"{self._place['username']}:{self._place.get('password', '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        connection = self._connection()
        try:
            connection.request("POST", "/RPC2", body, headers)
            answer = connection.getresponse()
            raw = answer.read()
        except PermissionError as err:
            raise CannotTell(f"the agent's user may not talk to supervisord over {self._file}") from err
        except (FileNotFoundError, ConnectionRefusedError) as err:
            raise Gone("supervisord does not run") from err
        except (OSError, http.client.HTTPException) as err:
            raise CannotTell(f"supervisord does not answer: {err}") from err
        finally:
            connection.close()
        if answer.status != 200:
            raise CannotTell(f"supervisord answers with HTTP status {answer.status}")
        ((result,), _method) = xmlrpc.client.loads(raw)
        return result

    def info(self, program: str) -> dict[str, Any]:
        """``getProcessInfo`` of a program."""
        found: dict[str, Any] = self.call("getProcessInfo", self.full(program))
        return found

    def remembered(self, program: str) -> dict[str, Any] | None:
        """What supervisord has in mind of a program's section; None for a supervisord older than 4.0."""
        try:
            known: list[dict[str, Any]] = self.call("getAllConfigInfo")
        except Fault:
            return None
        group = self._configuration.group_of(program)
        return next((each for each in known if each.get("name") == program and each.get("group") == group), None)

    def full(self, program: str) -> str:
        """The program's name with its group."""
        return f"{self._configuration.group_of(program)}:{program}"

    def _connection(self) -> http.client.HTTPConnection:
        if self._file:
            return _OverSocket(self._file)
        host, _, port = self._port.rpartition(":")
        if not port.isdigit():
            raise CannotTell(f"{self._configuration.path} names no socket over which supervisord could be asked")
        return http.client.HTTPConnection(host.strip("*") or "127.0.0.1", int(port), timeout=_PATIENCE_S)


class ProgramControl:
    """See ``Control``. supervisord is told to read its files anew whenever something is started."""

    def __init__(self, spec: ServiceSpec) -> None:
        self._program = name_of(spec)
        try:
            self._configuration: Configuration | None = find(spec)
        except (NotDefined, CannotTell):
            self._configuration = None

    def problem(self) -> str | None:
        if self._configuration is None:
            return f"no supervisord knows {self._program}"
        try:
            Rpc(self._configuration).call("getState")
        except (Gone, CannotTell) as err:
            return str(err)
        return None

    def state(self) -> str:
        info = self._info()
        return STATES.get(str(info["statename"]), "failed") if info else "stopped"

    def start(self) -> None:
        rpc = self._rpc()
        group = self._group()
        ((added, changed, _removed),) = self._ask("reloadConfig")
        if group in changed:
            try:
                rpc.call("removeProcessGroup", group)
            except Fault as err:
                raise CannotChange(
                    f"other programs of the group {group} run, and it has to be read anew as a whole",
                    hint=f"`supervisorctl update {group}`",
                ) from err
        if group in changed or group in added:
            self._ask("addProcessGroup", group)
        self._ask("startProcess", rpc.full(self._program), False, but=_ALREADY_STARTED)

    def stop(self) -> None:
        self._ask("stopProcess", self._rpc().full(self._program), False, but=_NOT_RUNNING)

    def restart(self) -> bool:
        return False

    def pids(self) -> list[int]:
        info = self._info()
        return tree(int(info["pid"])) if info and info["pid"] else []

    def log(self) -> list[str]:
        info = self._info() or {}
        files = [str(info.get(key) or "") for key in ("stdout_logfile", "stderr_logfile")]
        return [line for path in files if path for line in tail(path, 40)]

    def _group(self) -> str:
        return self._configuration.group_of(self._program) if self._configuration else self._program

    def _rpc(self) -> Rpc:
        if self._configuration is None:
            raise CannotChange(f"no supervisord knows {self._program}")
        return Rpc(self._configuration)

    def _info(self) -> dict[str, Any] | None:
        """None where supervisord has not read the program's section yet."""
        found: dict[str, Any] | None = self._ask("getProcessInfo", self._rpc().full(self._program), but=_BAD_NAME)
        return found

    def _ask(self, method: str, *arguments: Any, but: int = 0) -> Any:
        """The call's result, None where it fails with the fault that is named."""
        try:
            return self._rpc().call(method, *arguments)
        except Fault as err:
            if err.faultCode == but:
                return None
            raise CannotChange(f"supervisord refuses {method}: {err.faultString}") from err
        except (Gone, CannotTell) as err:
            raise CannotChange(str(err)) from err

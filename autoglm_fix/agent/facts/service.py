"""service: how the service is defined, what of it runs, and how it ended where it does not."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..context import Context
from .text_file import TextFile


@dataclass(frozen=True)
class Source:
    """One text that the definition is made of, the one that outranks the others last.

    ``kind``: ``unit``, ``drop-in``, ``env-file``, ``compose``, ``program`` (a supervisor's file), ``script`` (the
    file that the definition starts, where it is a text), ``config`` (a server's own, which ``--config`` names).
    ``file`` holds the content; its ``host`` is what an edit replaces; its state is also ``unreadable`` (``detail``
    says why). ``optional``: it may be missing.
    """

    kind: str
    file: TextFile
    optional: bool = False


@dataclass(frozen=True)
class Mount:
    """A folder or file of the host inside a container. ``readonly`` as the container has it."""

    inside: str
    host: str
    readonly: bool = False


@dataclass(frozen=True)
class Container:
    """A container's record, as its engine gives it, running or exited.

    ``record`` is the whole answer of ``inspect`` (with its secrets: what leaves the controller is masked).
    ``compose`` holds its compose labels by their last part (``project``, ``service``, ``config_files``, ...).
    """

    id: str
    name: str
    image: str
    mounts: list[Mount] = field(default_factory=list)
    compose: dict[str, str] = field(default_factory=dict)
    record: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """How long the manager waits, in seconds; None where it waits for ever, ``set_by`` names what says so.

    ``start_s`` is how long a start may take before it counts as failed, ``stop_s`` how long until it is
    killed; ``probe_s`` when a health check first counts against it (its start period and retries
    together), None where there is none. ``watchdog_s`` is how long it may go without a sign of life,
    ``runtime_s`` how long it may run at all. A name missing in ``set_by`` is the manager's default.
    """

    start_s: float | None = None
    stop_s: float | None = None
    probe_s: float | None = None
    set_by: dict[str, str] = field(default_factory=dict)
    watchdog_s: float | None = None
    runtime_s: float | None = None


@dataclass(frozen=True)
class Definition:
    """What the definition says now, whether or not anything runs. Paths as the service sees them.

    ``argv`` is the launch command as the main process gets it (of a container: entrypoint and command),
    ``environment`` what it starts with beside the system's own, env files included. For compose both
    may be None: its text is in ``sources`` and read in the controller (``launch.read``). ``restart`` is
    the manager's word for what it does when the service ends (``no``, ``on-failure``, ``always``, ...).
    ``enabled``: it starts with the machine; None where nobody says. ``type`` is systemd's word for when a start
    counts as done (``simple``: at once; ``notify``: when the service says so). ``unread`` is why
    ``environment`` is None, where a file of it may not be read.
    """

    manager: str
    name: str
    argv: list[str] | None = None
    environment: dict[str, str] | None = None
    user: str | None = None
    working_dir: str | None = None
    sources: list[Source] = field(default_factory=list)
    container: Container | None = None
    limits: Limits = field(default_factory=Limits)
    restart: str = ""
    enabled: bool | None = None
    group: str | None = None
    type: str = ""
    unread: str = ""


@dataclass(frozen=True)
class Running:
    """The live service. ``pid`` is the process that was started (behind any front end), ``pids`` it and its children.

    Of a process whose environment or folder may not be read they are None. ``python`` is the binary
    that runs (a link's end). ``since`` is the start in seconds of the epoch, by the host's clock.
    """

    pid: int
    pids: list[int] = field(default_factory=list)
    argv: list[str] = field(default_factory=list)
    environment: dict[str, str] | None = None
    working_dir: str | None = None
    user: str = ""
    python: str | None = None
    since: float = 0.0


@dataclass(frozen=True)
class Ended:
    """How the last start ended: exit ``code`` or ``signal``, when (epoch seconds), and how often it was restarted.

    ``reason`` is the manager's own word (``timeout``, ``oom-kill``, ``start-limit-hit``, ...). ``beside`` is the
    command beside the program that failed and ended the start (systemd's ``ExecStartPre=... (exit status 1)``).
    """

    code: int | None = None
    signal: str = ""
    reason: str = ""
    at: float | None = None
    restarts: int = 0
    out_of_memory: bool = False
    beside: str = ""


@dataclass(frozen=True)
class Service:
    """A service, by its manager. ``Service.collect`` asks the manager that the inventory names.

    ``state``: ``running``, ``starting``, ``stopping``, ``stopped``, ``failed``, ``restarting`` (a loop), ``absent``
    (the manager knows no such service; ``undefined`` is why, ``masked`` for one that it may not start, ``user-unit``
    for one of a user's systemd, with its file in ``near``, which else are names that are alike), ``by-hand``
    (manager ``none`` or ``command``: nobody knows, ``running`` is what was found by its port, its model or its
    command; ``expected`` is False where it need not run all the time, and ``unseen`` says why nothing can be told
    of its process).
    ``undefined`` of a stopped one is ``manager-down`` where its manager does not run itself.
    ``reloaded`` is False where the manager works with an older text of the definition than the disk has
    (systemd: daemon-reload needed); ``gpu_containers`` are then processes of containers that use a GPU, which
    reloading could harm. ``log`` holds the last lines of its log, newest last, where it is not well.
    ``changed`` is the latest change of a file that the service reads at its start (definition, env files, model,
    environment), in epoch seconds by the host's clock, with the ``changed_path``; None where none could be dated.
    What the start itself may have fetched or installed does not count: models and packages in its first
    minute. ``reads`` are those host paths, a folder's with a "/" at its end for all below it. ``handle`` is what
    its manager knows it by, in the inventory's keys; ``unit`` and the like have their whole names.
    """

    name: str
    manager: str
    state: str
    defined: Definition | None = None
    undefined: str = ""
    running: Running | None = None
    ended: Ended | None = None
    reloaded: bool = True
    log: list[str] = field(default_factory=list)
    changed: float | None = None
    changed_path: str = ""
    now: float = 0.0
    reads: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)
    endpoint: str = ""
    expected: bool = True
    unseen: str = ""
    gpu_containers: list[str] = field(default_factory=list)
    handle: dict[str, object] = field(default_factory=dict)

    @classmethod
    def collect(cls, ctx: Context) -> Service:
        """Ask the manager that the inventory names, and look at the live process. It writes nothing."""
        from ..definition.live import live

        return live(ctx)

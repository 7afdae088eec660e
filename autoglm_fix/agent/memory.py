"""Importing modules from memory: nothing of ours is written to a host.

The bootstrap executes this module first, with ``SOURCES`` set to the sources that followed it on the
channel; the service's own Python is started the same way.
"""

from __future__ import annotations as late

import sys
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

_OURS = "autoglm_fix."
_CLASSES = "autoglm_fix.agent.classes"


class NotSent(ImportError):
    """A module of ours that is not here; ``name`` says which.

    No ModuleNotFoundError: ``from package import module`` turns that into another error, without the name.
    """


class MemoryImporter:
    """Finds and loads the modules whose sources it was given, and never an installed copy of one.

    A package's source goes by the name ``package.__init__``. It is both finder and loader, without the base
    classes of ``importlib.abc``: that module takes longer to import than all of ours.
    """

    def __init__(self, sources: dict[str, str]) -> None:
        self.sources = dict(sources)

    def add(self, sources: dict[str, str]) -> None:
        """Take further modules. One that is already imported stays as it is."""
        self.sources.update(sources)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname not in self.sources and not self.is_package(fullname):
            if fullname.startswith(_OURS):
                raise NotSent(f"{fullname} has not been sent", name=fullname)
            return None
        loader: Any = self
        return ModuleSpec(fullname, loader, is_package=self.is_package(fullname))

    def is_package(self, fullname: str) -> bool:
        return fullname + ".__init__" in self.sources

    def get_source(self, fullname: str) -> str:
        return self.sources[fullname + ".__init__" if self.is_package(fullname) else fullname]

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_source(fullname)
        if _CLASSES in self.sources:
            source = source.replace("from dataclasses import", f"from {_CLASSES} import")
        # What was said at the top of the file, which does not travel.
        path = fullname.replace(".", "/") + ".py"
        code: CodeType = compile(source, path, "exec", late.compiler_flag, dont_inherit=True)
        return code

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual kind of module."""

    def exec_module(self, module: ModuleType) -> None:
        exec(self.get_code(module.__name__), module.__dict__)


def install(sources: dict[str, str]) -> MemoryImporter:
    """Put an importer for these sources before all others."""
    importer = MemoryImporter(sources)
    sys.meta_path.insert(0, importer)
    return importer

"""Libraries for C and C++ that are older than what is loaded with them, as a start that failed told.

What a binary needs stands in no metadata, so that only its own words tell: those of the loader, in the log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname, normpath

from packaging.version import Version

from autoglm_fix.agent.facts.environment import Environment
from autoglm_fix.agent.facts.service import Service
from autoglm_fix.knowledge import compat

from . import cuda_libraries_findings as said
from .finding import Finding
from .timeouts_rules import is_superseded

_MISSING = re.compile(
    r"(?P<path>/[^\s:'\"]{1,1000}/lib(?:stdc\+\+|c|m|pthread)\.so\.\d{1,2}): version [`'‘]?"
    r"(?P<symbols>(?:GLIBCXX|CXXABI|GLIBC)_\d{1,3}(?:\.\d{1,3}){1,3})['’]? not found"
    r"(?: \(required by (?P<program>[^)]{1,1000})\))?"
)
_SYSTEMS_OWN = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")
_CONDA = re.compile(r"conda|mamba|miniforge|/envs/")


@dataclass(frozen=True)
class _Missing:
    """The newest symbols that one library lacks, and for whom."""

    path: str
    symbols: str
    program: str

    @property
    def version(self) -> Version:
        return Version(self.symbols.partition("_")[2])


def libraries(service: Service, environment: Environment, variables: Mapping[str, str]) -> Iterator[Finding]:
    """What the loader missed at the last start; nothing where the service runs, or where that has been cured."""
    if service.state == "running" or is_superseded(service):
        return
    for each in _missing(service.log):
        if each.symbols.startswith("GLIBC_"):
            yield from _libc(each, environment)
        else:
            yield from _libstdcxx(each, service, environment, variables)


def _missing(log: list[str]) -> list[_Missing]:
    """One for each library, in the order of the log."""
    newest: dict[str, _Missing] = {}
    for line in log:
        for found in _MISSING.finditer(line):
            path, symbols = normpath(found["path"]), found["symbols"]
            program = found["program"] or line[: found.start()].strip(" :") or path
            each = _Missing(path, symbols, program[-200:])
            # The parts of the C library are one, as are the two families of symbols of a compiler for C++.
            key = "C" if symbols.startswith("GLIBC_") else path
            if key not in newest or _age(each) > _age(newest[key]):
                newest[key] = each
    return list(newest.values())


def _age(each: _Missing) -> Version:
    """By the compiler for C++, so that both families compare."""
    if each.symbols.startswith("GLIBC_"):
        return each.version
    compiler = compat.compiler_of(each.symbols)
    return Version(compiler.gcc) if compiler else Version("9999")


def _libc(each: _Missing, environment: Environment) -> Iterator[Finding]:
    has = compat.read_version(environment.glibc)
    if has is not None and has >= each.version:
        return
    systems = [known.name for known in compat.distros() if Version(known.glibc) >= each.version]
    yield said.ProgramTooNew(
        subject=each.path, symbols=each.symbols, program=each.program, path=each.path, systems=systems
    )


def _libstdcxx(
    each: _Missing, service: Service, environment: Environment, variables: Mapping[str, str]
) -> Iterator[Finding]:
    compiler = compat.compiler_of(each.symbols)
    told = {
        "symbols": each.symbols,
        "program": each.program,
        "gcc": f">={compiler.gcc}" if compiler else f">{compat.compilers()[-1].gcc}",
    }
    folders = {normpath(entry): entry for entry in variables.get("LD_LIBRARY_PATH", "").split(":") if entry}
    folder = folders.get(dirname(each.path))
    if folder is not None:
        yield said.LibstdcxxShadowed(subject=each.path, folder=folder, **told)
        return
    has = compat.read_version(environment.libstdcxx)
    if has is not None and compiler and has >= Version(compiler.glibcxx.partition("_")[2]):
        return  # what it would load by now has them
    if not each.path.startswith(_SYSTEMS_OWN) and (environment.tool == "conda" or _CONDA.search(each.path)):
        yield said.LibstdcxxOfConda(subject=each.path, prefix=dirname(dirname(each.path)), **told)
        return
    contained = environment.contained or (service.defined is not None and service.defined.container is not None)
    yield said.LibstdcxxTooOld(subject=each.path, path=each.path, contained=contained, **told)

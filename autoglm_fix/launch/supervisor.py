"""A supervisor program: what its section says that it starts, and the section put otherwise in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from os.path import dirname

from autoglm_fix.agent.facts.service import Service

from .place import Start, Word
from .plain_words import quoted, words
from .supervisor_text import Option, Pair, doubled, expanded, options, pairs
from .supervisor_text import quoted as quoted_value
from .texts import Texts, worst
from .traced import Traced, made

_LIMITS = {"stop_s": "stopwaitsecs"}
_TOUCHED = ("command", "environment", "stopwaitsecs")


@dataclass(frozen=True)
class Program:
    """A program by the texts of supervisor's files."""

    service: Service
    texts: Texts

    def start(self) -> Start:
        """What the program starts, as supervisor fills and splits it."""
        own = self._own()
        trouble = worst(text.trouble for text in self.texts.kind("program"))
        if "command" not in own:
            return Start(unclear=trouble or "not-found-in-text")
        names = self._names(own)
        environment: dict[str, Word] = {}
        for option in (self._all().get(("supervisord", "environment")), own.get("environment")):
            try:
                found = {} if option is None else pairs(expanded(option.value, names))
            except ValueError:
                return Start(unclear="not-found-in-text")
            environment |= {name: pair.word for name, pair in found.items()}
        names |= {f"ENV_{name}": word.value for name, word in environment.items()}
        command = own["command"].value
        argv, used = words(expanded(command, names), quoted), words(expanded(command, names, used=True), quoted)
        if argv is None or used is None:
            return Start(unclear="not-found-in-text")
        return Start(
            # A word stands where its letters do, and where the name is used that stands for them.
            words=tuple(Word(w.value, (*w.places, *u.places)) for w, u in zip(argv, used, strict=True)),
            environment=environment,
            user=self._text(own, "user", names),
            working_dir=self._text(own, "directory", names),
            unclear=trouble,
        )

    def limits(self) -> Mapping[str, float]:
        """How long supervisor waits, in seconds, where the section says so."""
        own = self._own()
        given = {name: own[key].value.text for name, key in _LIMITS.items() if key in own}
        return {name: float(text) for name, text in given.items() if text.isdecimal()}

    def settled(self, edited: Texts) -> Iterator[Texts]:
        """Nothing: all that supervisor reads may be edited."""
        return iter(())

    def loosened(self) -> Iterator[Texts]:
        """Nothing: what stands there can hold every word."""
        return iter(())

    def with_variable(self, name: str, value: str | None) -> Iterator[Texts]:
        """Texts in which the program's ``environment`` sets a variable, or no longer does."""
        own = self._own()
        option = own.get("environment")
        there = pairs(option.value) if option is not None else {}
        if value is None:
            if option is not None and name in there:
                yield from self._without(option, there, name)
            return
        text = quoted_value(value, "")
        written = None if text is None else doubled(f"{name}={text}")
        if written is None:
            return
        if option is None:
            yield from self._with_line(f"environment={written}")
        else:
            value_text = option.value.text.rstrip()
            spot = option.value[len(value_text) - 1 : len(value_text)].spot() if value_text else None
            if spot is not None:
                comma = "" if value_text.endswith(",") else ","
                yield self.texts.edited([(spot.source, spot.end, spot.end, comma + written)])
            else:
                yield from self._with_value(option, written)

    def with_limit(self, name: str, value: float) -> Iterator[Texts]:
        """Texts with another waiting time; supervisor counts in whole seconds."""
        key = _LIMITS.get(name)
        if key is None or value == float("inf"):
            return
        span = str(int(-(-value // 1)))
        option = self._own().get(key)
        yield from self._with_line(f"{key}={span}") if option is None else self._with_value(option, span)

    @property
    def type(self) -> str:
        """Nothing: only systemd has types."""
        return ""

    def with_type(self, value: str) -> Iterator[Texts]:
        """Nothing: only systemd has types."""
        return iter(())

    @property
    def rest(self) -> object:
        """All that the files say beside what an edit may touch."""
        section = self._section()
        return [
            (each.section, each.name, each.value.text)
            for text in self.texts.kind("program")
            for each in options(text.key, text.text)
            if each.section != section or each.name not in _TOUCHED
        ]

    def _all(self) -> dict[tuple[str, str], Option]:
        found = [each for text in self.texts.kind("program") for each in options(text.key, text.text)]
        return {(each.section, each.name): each for each in found}

    def _own(self) -> dict[str, Option]:
        section = self._section()
        return {name: option for (of, name), option in self._all().items() if of == section}

    def _section(self) -> str:
        """The section of the program; a process of several is called ``program:process_00``."""
        defined = self.service.defined
        name = defined.name if defined else self.service.name
        group, _, process = name.rpartition(":")
        sections = {section for section, _ in self._all()}
        names = [f"program:{each}" for each in (process, group, process.rpartition("_")[0]) if each]
        programs = sorted(section for section in sections if section.startswith("program:"))
        return next((each for each in names if each in sections), programs[0] if len(programs) == 1 else "")

    def _names(self, own: Mapping[str, Option]) -> dict[str, Traced]:
        program = self._section().partition(":")[2]
        defined = self.service.defined
        group = (defined.name if defined else "").rpartition(":")[0] or program
        text = next((self.texts[option.lines.source] for option in own.values()), None)
        here = dirname(text.file.inside) if text is not None else ""
        names = {"program_name": program, "group_name": group, "here": here, "process_num": "0", "numprocs": "1"}
        return {name: made(text) for name, text in names.items()}

    def _text(self, own: Mapping[str, Option], name: str, names: Mapping[str, Traced]) -> str | None:
        option = own.get(name)
        return expanded(option.value, names).text if option is not None else None

    def _without(self, option: Option, there: Mapping[str, Pair], name: str) -> Iterator[Texts]:
        """Texts in which ``environment`` has one variable less, or is gone with its last."""
        order = sorted(there.values(), key=lambda pair: pair.begin)
        number = order.index(there[name])
        begin, end = order[number].begin, order[number].end
        if number + 1 < len(order):
            end = order[number + 1].begin
        elif number:
            begin = order[number - 1].end
        else:
            yield self.texts.edited([(option.lines.source, option.lines.start, option.lines.end, "")])
            return
        first, last = option.value[begin : begin + 1].spot(), option.value[end - 1 : end].spot()
        if first is not None and last is not None:
            yield self.texts.edited([(first.source, first.start, last.end, "")])

    def _with_value(self, option: Option, value: str) -> Iterator[Texts]:
        text = self.texts[option.lines.source]
        line = text.text[option.lines.start : option.lines.end]
        spot = option.value.spot()
        if spot is not None:
            yield self.texts.edited([(spot.source, spot.start, spot.end, value)])
        elif not option.value.text:
            stop = option.lines.start + len(line.split("\n", 1)[0].rstrip("\r"))
            yield self.texts.edited([(text.key, stop, stop, value)])

    def _with_line(self, line: str) -> Iterator[Texts]:
        """Texts with one more option behind the program's command."""
        command = self._own().get("command")
        if command is None:
            return
        text = self.texts[command.lines.source]
        newline = "\r\n" if "\r\n" in text.text else "\n"
        end = command.lines.end
        before = "" if text.text[:end].endswith("\n") else newline
        new = text.text[:end] + before + line + newline + text.text[end:]
        yield self.texts.having(replace(text, text=new))

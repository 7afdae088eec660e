"""The settings that count for a model's answers, judged one by one and together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypedDict

from autoglm_fix.agent.facts.generation_settings import GenerationSettings
from autoglm_fix.agent.facts.text_file import TextFile
from autoglm_fix.agent.facts.vocabulary import Vocabulary
from autoglm_fix.json_text import Json

from .finding import Finding
from .generation_config_findings import (
    AllSuppressed,
    BeyondContext,
    Contradiction,
    Doubtful,
    EndsAtOnce,
    EndSuppressed,
    Impossible,
    MinimumAboveMaximum,
    NeverStops,
    NoRoom,
    NoSuchToken,
    PadIsEnd,
    Short,
    ShortAnswers,
    StopDoubtful,
    StopInvalid,
    StopMissing,
)
from .generation_rules import Bounds, Setting, counts, fits, is_id, rules
from .generation_stops import Stops, stop_ids
from .vocabulary_fit import language_part, of_another_model

_CONTEXT = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
_LONGEST_SHOWN = 120
_LEGACY_LENGTH = 20


class At(TypedDict):
    """Where a setting stands: what all findings of one share."""

    subject: str
    file: str
    host: str | None
    setting: str


def shown(value: Json) -> str:
    """A value as the file writes it, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


class Judged:
    """The settings of one file, by name, with what the model and its vocabulary say of them."""

    def __init__(
        self,
        settings: GenerationSettings,
        vocabulary: Vocabulary,
        file: TextFile,
        config: Mapping[str, Json],
        values: Mapping[str, Json],
    ) -> None:
        """``file`` holds the settings: ``values`` of generation_config.json, else those of ``config``."""
        key, inner = language_part(config)
        self._settings = settings
        self._file = file
        self._rules = rules()
        self._transformers = settings.engine not in ("vllm", "sglang")
        self._stops = Stops(vocabulary)
        self._foreign = bool(of_another_model(vocabulary, settings))
        self._paths: dict[str, str] = {}
        self._values: dict[str, Json] = {}
        self._outer = key if file is settings.config else ""
        for prefix, part in ((f"{key}.", inner), ("", config)) if file is settings.config else (("", values),):
            for name, value in part.items():
                if value is not None:
                    self._values[name], self._paths[name] = value, prefix.lstrip(".") + name
        self._context = next((inner[name] for name in _CONTEXT if is_id(inner.get(name))), None)
        self._encodes = config.get("is_encoder_decoder") is True
        size = inner.get("vocab_size")
        known = [size] if isinstance(size, int) and is_id(size) else []
        if vocabulary.highest is not None:
            known.append(vocabulary.highest + 1)
        self._size = max(known) if known else None

    def alone(self) -> Iterator[Finding]:
        """Each setting by itself: its type, and the range that the engine takes."""
        for setting in self._rules.settings:
            bounds = setting.accepts.get(self._settings.engine)
            if self._transformers:
                bounds = setting.accepts.get("transformers")
            elif not self._settings.sampling:
                bounds = None
            if setting.name not in self._values or bounds is None or not counts(bounds, self._values):
                continue
            yield from self._value(setting, bounds, self._values[setting.name])

    def lengths(self) -> Iterator[Finding]:
        """The limits on the length: room for an answer, within the context."""
        room = self._rules.room
        time = self._values.get("max_time")
        if self._transformers and isinstance(time, (int, float)) and fits("number", time) and not time > 0:
            yield NoRoom(**self._at("max_time"), value=shown(time), room=room.answer)
        prompt = 0 if self._encodes else room.prompt
        tokens = self._number("max_new_tokens")
        if self._settings.engine == "sglang" or not self._settings.sampling:
            return
        if tokens is not None:
            value = shown(self._values["max_new_tokens"])
            if tokens < room.answer:
                yield NoRoom(**self._at("max_new_tokens"), value=value, room=room.answer)
            elif tokens < room.short:
                yield ShortAnswers(**self._at("max_new_tokens"), value=value)
            yield from self._beyond("max_new_tokens", tokens)
            return
        length = self._number("max_length")
        if length is None or self._settings.engine == "vllm":
            return
        value = shown(self._values["max_length"])
        if length == _LEGACY_LENGTH or prompt + room.answer <= length < prompt + room.short:
            yield Short(**self._at("max_length"), value=value)
        elif length < prompt + room.answer:
            yield NoRoom(**self._at("max_length"), value=value, room=room.answer)
        yield from self._beyond("max_length", length)

    def ends(self) -> Iterator[Finding]:
        """The tokens that end an answer: there, of some sense, and all of them.

        Held against another model's tokenizer every stop looks wrong: then nothing is said.
        """
        if self._foreign:
            return
        written = self._values.get("eos_token_id")
        at, value = self._at("eos_token_id"), shown(written)
        ids = stop_ids(written) if written is not None else []
        if ids is None:
            yield StopInvalid(**at, value=value, stops=self._stops.all)
            return
        absent = [each for each in ids if not self._stops.exists(each)]
        bad = [each for each in ids if self._stops.senseless(each)]
        if bad:
            texts = [self._stops.text(each) for each in bad]
            yield EndsAtOnce(**at, value=value, ids=bad, tokens=texts, stops=self._stops.all)
        useful = [each for each in ids if each not in (*bad, *absent) and not self._stops.only_begins(each)]
        if not self._transformers and self._stops.end is not None:  # they stop at the tokenizer's own end besides
            useful.append(self._stops.end)
        if not useful and not bad:
            yield NeverStops(**at, value=value, stops=self._stops.all)
            return
        yield from self._absent("eos_token_id", absent)
        missing = [each for each in self._stops.all if each not in useful]
        if missing and not bad and self._stops.sure:
            yield StopMissing(**at, value=value, ids=missing, tokens=[self._stops.text(each) for each in missing])
            return
        doubtful = [each for each in dict.fromkeys([*missing, *self._stops.family_ids()]) if each not in useful]
        if doubtful and not bad and self._settings.chat:
            yield StopDoubtful(**at, value=value, ids=doubtful, tokens=[self._stops.text(each) for each in doubtful])

    def together(self) -> Iterator[Finding]:
        """Settings that forbid, force or contradict each other."""
        if not self._transformers:
            return
        yield from self._forbidden()
        yield from self._sequences()
        for least, most in (("min_new_tokens", "max_new_tokens"), ("min_length", "max_length")):
            low, high = self._number(least), self._number(most)
            if low is not None and high is not None and low > high >= self._rules.room.answer:
                pair = shown(self._values[least]), shown(self._values[most])
                yield MinimumAboveMaximum(**self._at(least), value=pair[0], other=most, other_value=pair[1])
        pad, ends = self._values.get("pad_token_id"), stop_ids(self._values.get("eos_token_id"))
        if isinstance(pad, int) and is_id(pad) and pad in (ends or []):
            yield PadIsEnd(**self._at("pad_token_id"), value=shown(pad))
        # In config.json these belong to the model, and the tokenizer's diagnostic judges them.
        for name in ("pad_token_id", "bos_token_id") if self._file is self._settings.generation else ():
            named = self._values.get(name)
            if isinstance(named, int) and is_id(named) and named >= 0 and not self._stops.exists(named):
                yield from self._absent(name, [named])

    def _value(self, setting: Setting, bounds: Bounds, value: Json) -> Iterator[Finding]:
        at, text = self._at(setting.name), shown(value)
        takes = bounds.shown(setting.type)
        if not fits(setting.type, value):
            if bounds.tolerant:
                yield Doubtful(**at, value=text, sane=takes)
            else:
                yield Impossible(**at, value=text, takes=takes, engine=self._settings.engine)
            return
        if bounds.within and self._size is not None:
            ids = _flat(value)
            if any(not 0 <= each < self._size for each in ids):
                takes = f"{takes}, 0 <= id < {self._size}"
                yield Impossible(**at, value=text, takes=takes, engine=self._settings.engine)
            return
        if isinstance(value, (int, float)) and setting.type in ("number", "whole", "count"):
            if not bounds.holds(value):
                yield Impossible(**at, value=text, takes=takes, engine=self._settings.engine)
            elif not setting.sane.holds(value):
                yield Doubtful(**at, value=text, sane=setting.sane.shown(setting.type))

    def _beyond(self, name: str, tokens: int) -> Iterator[Finding]:
        if isinstance(self._context, int) and 0 < self._context < tokens:
            yield BeyondContext(**self._at(name), value=shown(self._values[name]), context=self._context)

    def _absent(self, name: str, ids: list[int]) -> Iterator[Finding]:
        if ids:
            yield NoSuchToken(**self._at(name), value=shown(self._values[name]), ids=ids, count=self._size or 0)

    def _forbidden(self) -> Iterator[Finding]:
        ends = stop_ids(self._values.get("eos_token_id")) or []
        for name in ("suppress_tokens", "begin_suppress_tokens", "bad_words_ids"):
            value = self._values.get(name)
            if not isinstance(value, list):
                continue
            lone = [each[0] if isinstance(each, list) and len(each) == 1 else each for each in value]
            forbidden = {each for each in lone if isinstance(each, int) and is_id(each)}
            if self._size is not None and len([each for each in forbidden if 0 <= each < self._size]) >= self._size:
                yield AllSuppressed(**self._at(name), count=len(forbidden))
            elif name != "begin_suppress_tokens" and ends and forbidden.issuperset(ends):
                texts = [self._stops.text(each) for each in ends]
                yield EndSuppressed(**self._at(name), ids=ends, tokens=texts)
        suppressed = self._values.get("suppress_tokens")
        for name in ("forced_bos_token_id", "forced_eos_token_id"):
            forced = stop_ids(self._values.get(name)) if name in self._values else None
            if forced and isinstance(suppressed, list) and all(each in suppressed for each in forced):
                values = shown(self._values[name]), shown(suppressed)
                yield Contradiction(**self._at(name), value=values[0], other="suppress_tokens", other_value=values[1])

    def _sequences(self) -> Iterator[Finding]:
        asked, beams = self._number("num_return_sequences") or 1, self._number("num_beams") or 1
        if asked <= 1:
            return
        at, value = self._at("num_return_sequences"), shown(self._values["num_return_sequences"])
        if beams > 1 and asked > beams:
            yield Contradiction(**at, value=value, other="num_beams", other_value=str(beams))
        elif beams == 1 and not self._values.get("do_sample"):
            yield Contradiction(**at, value=value, other="do_sample", other_value=shown(self._values.get("do_sample")))

    def _number(self, name: str) -> int | None:
        value = self._values.get(name)
        return int(value) if isinstance(value, (int, float)) and fits("count", value) else None

    def _at(self, name: str) -> At:
        path = self._paths.get(name) or (f"{self._outer}.{name}" if self._outer else name)
        return At(subject=f"{self._file.inside}: {path}", file=self._file.name, host=self._file.host, setting=path)


def _flat(value: Json) -> list[int]:
    if isinstance(value, list):
        return [number for each in value for number in _flat(each)]
    return [value] if isinstance(value, int) else []

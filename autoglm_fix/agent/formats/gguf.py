"""GGUF: magic, settings, a table of tensors, and their data from an aligned offset on."""

from __future__ import annotations

import struct

from . import Content, Source, Tensor, Verdict, clean, described, stand_in

# ggml's number of a type -> its name, values a block, bytes a block, and where in a block its 16-bit scales lie.
TYPES: dict[int, tuple[str, int, int, tuple[int, ...]]] = {
    0: ("F32", 1, 4, ()), 1: ("F16", 1, 2, ()), 2: ("Q4_0", 32, 18, (0,)), 3: ("Q4_1", 32, 20, (0, 2)),
    6: ("Q5_0", 32, 22, (0,)), 7: ("Q5_1", 32, 24, (0, 2)), 8: ("Q8_0", 32, 34, (0,)), 9: ("Q8_1", 32, 40, ()),
    10: ("Q2_K", 256, 84, (80, 82)), 11: ("Q3_K", 256, 110, (108,)), 12: ("Q4_K", 256, 144, (0, 2)),
    13: ("Q5_K", 256, 176, (0, 2)), 14: ("Q6_K", 256, 210, (208,)), 15: ("Q8_K", 256, 292, ()),
    16: ("IQ2_XXS", 256, 66, (0,)), 17: ("IQ2_XS", 256, 74, (0,)), 18: ("IQ3_XXS", 256, 98, (0,)),
    19: ("IQ1_S", 256, 50, (0,)), 20: ("IQ4_NL", 32, 18, (0,)), 21: ("IQ3_S", 256, 110, (0,)),
    22: ("IQ2_S", 256, 82, (0,)), 23: ("IQ4_XS", 256, 136, (0,)), 24: ("I8", 1, 1, ()), 25: ("I16", 1, 2, ()),
    26: ("I32", 1, 4, ()), 27: ("I64", 1, 8, ()), 28: ("F64", 1, 8, ()), 29: ("IQ1_M", 256, 56, ()),
    30: ("BF16", 1, 2, ()), 34: ("TQ1_0", 256, 54, (52,)), 35: ("TQ2_0", 256, 66, (64,)), 39: ("MXFP4", 32, 17, ()),
    40: ("NVFP4", 64, 36, ()), 41: ("Q1_0", 128, 18, (0,)),
}  # fmt: skip
SCALES = {name: (size, scales) for name, _, size, scales in TYPES.values() if scales}

_FIXED = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<B", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_LONGEST_HEADER = 1 << 28
_LONGEST_STRING = 1 << 24
_KEPT = ("general.architecture", "general.name", "general.alignment", "split.no", "split.count")
_KEPT_ENDS = (".block_count", ".embedding_length", ".vocab_size")


class _BrokenHeader(Exception):
    """Why a header is none."""


class _Ended(Exception):
    """The file ends inside its header."""


class _Reader:
    """Takes little-endian values from the front of a file, of which more is read as it is needed."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.buffer = b""
        self.at = 0

    def reserve(self, length: int) -> int:
        """The position of the next ``length`` bytes, now in the buffer and passed."""
        at = self.at
        if at + length > len(self.buffer):
            if at + length > _LONGEST_HEADER:
                raise _BrokenHeader(f"its header goes on for more than {_LONGEST_HEADER} bytes")
            more = max(len(self.buffer), at + length - len(self.buffer), 1 << 18)
            self.buffer += self.source.read(len(self.buffer), more)
            if at + length > len(self.buffer):
                raise _Ended
        self.at = at + length
        return at

    def value(self, form: str) -> float:
        at = self.reserve(struct.calcsize(form))
        value: float = struct.unpack_from(form, self.buffer, at)[0]
        return value

    def count(self, form: str = "<Q") -> int:
        return int(self.value(form))

    def string(self) -> str:
        length = self.count()
        if length > _LONGEST_STRING:
            raise _BrokenHeader(f"a text in its header would be {length} bytes long")
        at = self.reserve(length)
        return self.buffer[at : at + length].decode("utf-8", "replace")

    def setting(self, kind: int) -> str | None:
        """A setting's value as text; arrays are passed over."""
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            self._pass_array()
            return None
        form = _FIXED.get(kind)
        if form is None:
            raise _BrokenHeader(f"a setting has the unknown type {kind}")
        return str(self.value(form))

    def _pass_array(self) -> None:
        kind, length = self.count("<I"), self.count()
        if kind == _STRING:
            for _ in range(length):
                self.reserve(self.count())
        elif kind in _FIXED:
            self.reserve(length * struct.calcsize(_FIXED[kind]))
        else:
            raise _BrokenHeader(f"a list in its settings has the unknown type {kind}")


def read(source: Source) -> Verdict:
    """Judge one file by its header and size."""
    head = source.read(0, 1024)
    other = stand_in(head, source.size, "gguf")
    if other is not None:
        return other, []
    settings: dict[str, str] = {}
    try:
        tensors, end = _tensors(_Reader(source), settings)
    except _BrokenHeader as err:
        return Content("gguf", "broken", clean(str(err))), []
    except _Ended:
        return Content("gguf", "truncated"), []
    alignment = _alignment(settings)
    padded = end + -end % alignment
    guessed = any(each.dtype.startswith("type ") for each in tensors)
    state = "truncated" if source.size < end else "padded" if source.size > padded and not guessed else "whole"
    expected = source.size if state == "whole" else end if state == "truncated" else padded
    content = Content("gguf", state, expected_size=expected, settings=settings)
    return described(content, tensors), tensors


def _tensors(reader: _Reader, settings: dict[str, str]) -> tuple[list[Tensor], int]:
    """The tensors by offset, and where the last one ends. Fills ``settings``."""
    at = reader.reserve(4)
    if reader.buffer[at : at + 4] != b"GGUF":
        raise _BrokenHeader("it does not begin with GGUF")
    version = reader.count("<I")
    if version not in (2, 3):
        raise _BrokenHeader(f"it has version {version}; 2 and 3 are known")
    count, settings_count = reader.count(), reader.count()
    for _ in range(settings_count):
        name = reader.string()
        value = reader.setting(reader.count("<I"))
        if name == "tokenizer.chat_template":
            settings[name] = "set"
        elif value is not None and (name in _KEPT or name.endswith(_KEPT_ENDS)):
            settings[clean(name)] = clean(value)
    alignment = _alignment(settings)
    infos = [_info(reader) for _ in range(count)]
    base = reader.at + -reader.at % alignment
    infos.sort(key=lambda info: info[3])
    tensors: list[Tensor] = []
    end = base
    for name, shape, kind, offset in infos:
        dtype, values, size, _ = TYPES.get(kind, (f"type {kind}", 1, 0, ()))
        total = 1
        for extent in shape:
            total *= extent
        begin = base + offset
        if offset % alignment or begin < end:
            raise _BrokenHeader(f"tensor {name} lies over the one before it or off the alignment")
        if total % values:
            raise _BrokenHeader(f"tensor {name} is {dtype}, but has {total} values")
        end = begin + total // values * size
        tensors.append(Tensor(name, dtype, shape, begin, end))
    return tensors, end


def _info(reader: _Reader) -> tuple[str, tuple[int, ...], int, int]:
    name = reader.string()
    dimensions = reader.count("<I")
    if dimensions > 8:
        raise _BrokenHeader(f"tensor {name} has {dimensions} dimensions")
    shape = tuple(reader.count() for _ in range(dimensions))
    # The file has the fastest dimension first; everybody else writes it last.
    return name, shape[::-1], reader.count("<I"), reader.count()


def _alignment(settings: dict[str, str]) -> int:
    said = settings.get("general.alignment", "32")
    return int(said) if said.isascii() and said.isdigit() and 0 < int(said) < 1 << 20 else 32

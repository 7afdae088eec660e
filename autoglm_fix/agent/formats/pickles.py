"""The list of tensors in a pickle of torch, read by walking its opcodes: nothing is imported or called."""

from __future__ import annotations

import pickletools
from typing import BinaryIO, Callable, Dict, NamedTuple

STORAGES = {
    "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16", "DoubleStorage": "F64",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "UntypedStorage": "U8",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "bfloat16": "BF16", "float16": "F16", "float32": "F32",
}  # fmt: skip


class BrokenPickle(Exception):
    """The opcodes make no sense, or end too soon."""


class Global(NamedTuple):
    """A class or function by name."""

    name: str


class Storage(NamedTuple):
    """Where values lie: ``key`` names the archive's member, ``values`` counts those of ``dtype``."""

    dtype: str
    key: str
    values: int


class View(NamedTuple):
    """One tensor: a shape laid on a storage, from ``offset`` values on."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]


class _Table(Dict[str, object]):
    """A dict as it is being filled."""


_MARK = object()
_OPAQUE = object()


class Walked(NamedTuple):
    """What a pickle would give: tables, lists, texts, numbers, tensors as ``View``; and all its storages."""

    value: object
    storages: dict[str, Storage]


def walk(source: BinaryIO) -> Walked:
    """Walk the next pickle in the stream. Raises BrokenPickle."""
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(source):
            machine.step(opcode, argument)
        return Walked(machine.stack[-1], machine.storages)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as err:
        raise BrokenPickle(str(err) or type(err).__name__) from err


def views(found: object) -> dict[str, View]:
    """All tensors of a walked pickle by their names, those of nested tables too (``state_dict``)."""
    named: dict[str, View] = {}
    waiting: list[tuple[str, object, int]] = [("", found, 0)]
    while waiting:
        prefix, each, depth = waiting.pop()
        if isinstance(each, View):
            named[prefix] = each
        elif isinstance(each, _Table) and depth < 4:
            dot = prefix + "." if depth > 1 else ""
            waiting += [(dot + name, value, depth + 1) for name, value in each.items()]
    return named


class _Machine:
    """As much of the pickle machine as torch's own pickles need; what it does not know is opaque."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self.memo: dict[int, object] = {}
        self.storages: dict[str, Storage] = {}

    def step(self, opcode: pickletools.OpcodeInfo, argument: object) -> None:
        known = _STEPS.get(opcode.name)
        if known is not None:
            known(self, argument)
            return
        self._unknown(opcode)
        if opcode.arg is not None and opcode.stack_after:  # a text or a number
            self.stack[-1] = argument

    def since_mark(self) -> list[object]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("a mark is missing")
        taken = self.stack[at + 1 :]
        del self.stack[at:]
        return taken

    def _unknown(self, opcode: pickletools.OpcodeInfo) -> None:
        """Take and give as much as the opcode does."""
        below = len(opcode.stack_before)
        if pickletools.markobject in opcode.stack_before:
            self.since_mark()
            below = opcode.stack_before.index(pickletools.markobject)
        if below > len(self.stack):
            raise ValueError("it takes more than there is")
        if below:
            del self.stack[-below:]
        self.stack += [_OPAQUE] * len(opcode.stack_after)

    def nothing(self, argument: object) -> None:
        """PROTO, FRAME, STOP."""

    def put(self, argument: object) -> None:
        self.memo[int(str(argument))] = self.stack[-1]

    def memoize(self, argument: object) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def get(self, argument: object) -> None:
        self.stack.append(self.memo[int(str(argument))])

    def mark(self, argument: object) -> None:
        self.stack.append(_MARK)

    def name(self, argument: object) -> None:
        self.stack.append(Global(str(argument).replace(" ", ".")))

    def name_of_two(self, argument: object) -> None:
        attribute, module = self.stack.pop(), self.stack.pop()
        named = isinstance(module, str) and isinstance(attribute, str)
        self.stack.append(Global(f"{module}.{attribute}") if named else _OPAQUE)

    def row(self, argument: object) -> None:
        self.stack.append(tuple(self.since_mark()))

    def row_of_one(self, argument: object) -> None:
        self.stack[-1] = (self.stack[-1],)

    def row_of_two(self, argument: object) -> None:
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def row_of_three(self, argument: object) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def empty_row(self, argument: object) -> None:
        self.stack.append(())

    def empty_list(self, argument: object) -> None:
        self.stack.append([])

    def append(self, argument: object) -> None:
        self._extend([self.stack.pop()])

    def appends(self, argument: object) -> None:
        self._extend(self.since_mark())

    def _extend(self, items: list[object]) -> None:
        to = self.stack[-1]
        if isinstance(to, list):
            to += items

    def empty_table(self, argument: object) -> None:
        self.stack.append(_Table())

    def set_item(self, argument: object) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _fill(self.stack[-1], [key, value])

    def set_items(self, argument: object) -> None:
        items = self.since_mark()
        _fill(self.stack[-1], items)

    def build(self, argument: object) -> None:
        self.stack.pop()

    def persistent(self, argument: object) -> None:
        storage = _storage(self.stack.pop())
        self.stack.append(storage)
        if isinstance(storage, Storage):
            self.storages[storage.key] = storage

    def call(self, argument: object) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(_made(function, arguments))


_STEPS: dict[str, Callable[[_Machine, object], None]] = {
    "PROTO": _Machine.nothing, "FRAME": _Machine.nothing, "STOP": _Machine.nothing,
    "PUT": _Machine.put, "BINPUT": _Machine.put, "LONG_BINPUT": _Machine.put, "MEMOIZE": _Machine.memoize,
    "GET": _Machine.get, "BINGET": _Machine.get, "LONG_BINGET": _Machine.get, "MARK": _Machine.mark,
    "GLOBAL": _Machine.name, "STACK_GLOBAL": _Machine.name_of_two,
    "TUPLE": _Machine.row, "EMPTY_TUPLE": _Machine.empty_row,
    "TUPLE1": _Machine.row_of_one, "TUPLE2": _Machine.row_of_two, "TUPLE3": _Machine.row_of_three,
    "EMPTY_LIST": _Machine.empty_list, "APPEND": _Machine.append, "APPENDS": _Machine.appends,
    "EMPTY_DICT": _Machine.empty_table, "SETITEM": _Machine.set_item, "SETITEMS": _Machine.set_items,
    "BUILD": _Machine.build, "BINPERSID": _Machine.persistent, "REDUCE": _Machine.call,
}  # fmt: skip


def _fill(table: object, items: list[object]) -> None:
    if isinstance(table, _Table):
        table.update((key, value) for key, value in zip(items[::2], items[1::2]) if isinstance(key, str))


def _storage(said: object) -> object:
    if not isinstance(said, tuple) or len(said) < 5 or not isinstance(said[1], Global):
        return _OPAQUE
    key, count = said[2], said[4]
    dtype = STORAGES.get(said[1].name.rpartition(".")[2])
    if not isinstance(key, str) or not isinstance(count, int) or count < 0 or dtype is None:
        raise ValueError("a storage has an unknown kind or size")
    return Storage(dtype, key, count)


def _made(function: object, arguments: object) -> object:
    """What a call would give: an empty table, a tensor, the tensor in a parameter, or something opaque."""
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
        return _OPAQUE
    if function.name == "collections.OrderedDict":
        return _Table()
    if function.name.startswith("torch._utils._rebuild_parameter"):
        return arguments[0]
    if function.name in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"):
        storage, offset, shape = arguments[:3]
        if isinstance(storage, Storage) and isinstance(offset, int) and isinstance(shape, tuple):
            extents = tuple(each for each in shape if isinstance(each, int))
            dtype = storage.dtype
            if function.name.endswith("v3") and isinstance(arguments[6], Global):
                dtype = STORAGES.get(arguments[6].name.rpartition(".")[2], dtype)
            return View(storage, dtype, offset, extents)
    return _OPAQUE

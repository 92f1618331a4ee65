"""Structs and their MessagePack form: a schema that each struct declares once (format, section 2.2).

A struct is a `msgspec.Struct` whose fields are annotated with the types below, in the order of the wire; a field's key
is its encoded name (`rename=`, `msgspec.field(name=)`). Go writes every sized integer in full width, and identifiers
are made of these bytes, so that a field's declared type decides its bytes, whatever its value:

    class Chunk(Struct, frozen=True):
        version: U32 = VERSION_1_0_0
        content_mac: Mac = field(name="contentMAC")
        length: U32
        content_type: Annotated[Text, OMIT_EMPTY] = ""

`encode` gives Go's bytes. `decode` is tolerant: integers of any width, strings for binaries and back, keys in any
order, unknown keys skipped, missing ones zero. What is malformed raises IntegrityError.
"""

from __future__ import annotations

import struct
import types
import typing
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec

from plait.model.errors import IntegrityError
from plait.repository.format import msgpack
from plait.repository.format.resources import MAC_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

S = TypeVar("S", bound=msgspec.Struct)


class Form(msgspec.Struct, frozen=True):
    """How a value is written and read; `zero` is what a missing key stands for, `least` its fewest bytes."""

    write: Callable[[Any], bytes]
    read: Callable[[bytes, int], tuple[Any, int]]
    zero: Any
    least: int = 1


def _fixed(code: int, form: str, lowest: int, highest: int) -> Form:
    """An integer of full width."""
    packed = struct.Struct(f">B{form}")

    def read(data: bytes, position: int) -> tuple[int, int]:
        if position + packed.size <= len(data):
            found, exact = packed.unpack_from(data, position)
            if found == code:
                return exact, position + packed.size
        value, end = msgpack.read_int(data, position)
        if not lowest <= value <= highest:
            raise IntegrityError(f"the number at byte {position} is out of its range: {value}")
        return value, end

    return Form(lambda value: packed.pack(code, value), read, 0)


def _read_plain_int(data: bytes, position: int) -> tuple[int, int]:
    value, end = msgpack.read_int(data, position)
    if value >= 1 << 63:
        raise IntegrityError(f"the number at byte {position} is out of its range: {value}")
    return value, end


def _exactly(size: int) -> Form:
    """Bytes of a fixed size; Go leaves an array of bytes at zeros where it meets nil."""
    zero = bytes(size)
    prefix = msgpack.pack_bytes(zero)[:-size]

    def read(data: bytes, position: int) -> tuple[bytes, int]:
        end = position + len(prefix) + size
        if data.startswith(prefix, position) and end <= len(data):
            return data[end - size : end], end
        if msgpack.is_nil(data, position):
            return zero, position + 1
        value, end = msgpack.read_bytes(data, position)
        if len(value) != size:
            raise IntegrityError(f"{size} bytes were expected at byte {position}, not {len(value)}")
        return value, end

    def write(value: bytes) -> bytes:
        if len(value) != size:
            raise ValueError(f"{size} bytes are needed, not {len(value)}")
        return msgpack.pack_bytes(value)

    return Form(write, read, zero, 2 + size)


_DOUBLE: Final = struct.Struct(">Bd")


class _OmitEmpty:
    """The mark of a field that is left out where it is empty."""


OMIT_EMPTY: Final = _OmitEmpty()

# The marks of msgspec are for `decode_usual`.
U8 = Annotated[int, _fixed(0xCC, "B", 0, 2**8 - 1), msgspec.Meta(ge=0, le=2**8 - 1)]
U16 = Annotated[int, _fixed(0xCD, "H", 0, 2**16 - 1), msgspec.Meta(ge=0, le=2**16 - 1)]
U32 = Annotated[int, _fixed(0xCE, "I", 0, 2**32 - 1), msgspec.Meta(ge=0, le=2**32 - 1)]
U64 = Annotated[int, _fixed(0xCF, "Q", 0, 2**64 - 1), msgspec.Meta(ge=0)]
I64 = Annotated[int, _fixed(0xD3, "q", -(2**63), 2**63 - 1), msgspec.Meta(le=2**63 - 1)]
Int = Annotated[int, Form(msgpack.pack_int, _read_plain_int, 0)]
"""Go's plain `int`: the smallest form."""
F64 = Annotated[float, Form(lambda value: _DOUBLE.pack(0xCB, value), msgpack.read_float, 0.0)]
Bool = Annotated[bool, Form(lambda value: b"\xc3" if value else b"\xc2", msgpack.read_bool, False)]
Text = Annotated[str, Form(msgpack.pack_text, msgpack.read_text, "")]
"""Bytes that are not UTF-8 stand as lone surrogates (surrogateescape)."""
Bytes = Annotated[bytes, Form(msgpack.pack_bytes, msgpack.read_bytes, b"")]
Mac = Annotated[bytes, _exactly(MAC_SIZE), msgspec.Meta(min_length=MAC_SIZE, max_length=MAC_SIZE)]
Uuid = Annotated[bytes, _exactly(16), msgspec.Meta(min_length=16, max_length=16)]
Time = Annotated[int, Form(msgpack.pack_time, msgpack.read_time, msgpack.ZERO_TIME)]
"""Nanoseconds since the epoch."""

_FEWEST_BYTES_OF_A_STRUCT: Final = 12
"""In an array. No struct that the format has in arrays is smaller, and a smaller one would let few bytes make many."""


class _Field(msgspec.Struct, frozen=True):
    name: str
    key: str
    prefix: bytes
    form: Form
    omit_empty: bool


class _Schema(msgspec.Struct, frozen=True):
    fields: tuple[_Field, ...]
    by_key: dict[str, _Field]
    steps: tuple[tuple[bytes, str, Callable[[bytes, int], tuple[Any, int]]], ...]
    """Of each field in order: the bytes of its key, its name, its reading."""
    zeros: dict[str, Any]
    structs: tuple[str, ...]
    """The fields whose zero is a struct."""
    size: bytes
    """The beginning of the map where no field is left out."""


def encode(value: msgspec.Struct) -> bytes:
    """The bytes that Go writes. Raises ValueError or struct.error for a value that its type cannot hold."""
    schema = _schema(type(value))
    parts = [schema.size]
    written = 0
    for field in schema.fields:
        item = getattr(value, field.name)
        if field.omit_empty and item in (field.form.zero, ()):
            continue
        parts.append(field.prefix)
        parts.append(field.form.write(item))
        written += 1
    if written != len(schema.fields):
        parts[0] = msgpack.pack_map_size(written)
    return b"".join(parts)


def decode(data: bytes, kind: type[S]) -> S:
    """A struct from its bytes. Raises IntegrityError where they are malformed, or go on behind it."""
    value, end = _read_struct(kind, data, 0)
    if end != len(data):
        raise IntegrityError(f"{len(data) - end} bytes follow the end of the {kind.__name__}")
    return value


def decode_usual(data: bytes, kind: type[S]) -> S:
    """As `decode`, several times as fast for what the original writes: every key there, or left out where it is empty.

    (A key that is missing though it may not be gets the struct's default.) Not for structs with a Time.
    """
    try:
        decoded: S = _decoder(kind).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return decode(data, kind)
    return decoded


@cache
def _decoder(kind: type[S]) -> msgspec.msgpack.Decoder[S]:
    return msgspec.msgpack.Decoder(kind)


def zero(kind: type[S]) -> S:
    """The struct of which every field is zero, as Go makes it."""
    return kind(**{field.name: field.form.zero for field in _schema(kind).fields})


def _read_struct(kind: type[S], data: bytes, position: int) -> tuple[S, int]:
    schema = _schema(kind)
    size, position = msgpack.read_map_size(data, position)
    values = schema.zeros.copy()
    steps = schema.steps
    following = 0
    for _ in range(size):
        # The original's order is the schema's, with gaps where fields are left out.
        index = following
        while index < len(steps) and not data.startswith(steps[index][0], position):
            index += 1
        if index < len(steps):
            prefix, name, read = steps[index]
            values[name], position = read(data, position + len(prefix))
            following = index + 1
            continue
        key, position = msgpack.read_text(data, position)
        field = schema.by_key.get(key)
        if field is None:
            position = msgpack.skip(data, position)
        else:
            values[field.name], position = field.form.read(data, position)
    for name in schema.structs:
        # A struct may be one that is counted up later: each gets its own.
        if values[name] is schema.zeros[name]:
            values[name] = copy(values[name])
    return kind(**values), position


@cache
def _schema(kind: type[msgspec.Struct]) -> _Schema:
    fields = []
    for field in msgspec.structs.fields(kind):
        form, omit_empty = _form(field.type)
        prefix = msgpack.pack_text(field.encode_name)
        fields.append(_Field(field.name, field.encode_name, prefix, form, omit_empty))
    return _Schema(
        fields=tuple(fields),
        by_key={field.key: field for field in fields},
        steps=tuple((field.prefix, field.name, field.form.read) for field in fields),
        zeros={field.name: field.form.zero for field in fields},
        structs=tuple(field.name for field in fields if isinstance(field.form.zero, msgspec.Struct)),
        size=msgpack.pack_map_size(len(fields)),
    )


def _form(annotation: Any) -> tuple[Form, bool]:
    """The form of a field's annotation, and whether the field is left out where it is empty."""
    omit_empty = False
    while typing.get_origin(annotation) is Annotated:
        for mark in annotation.__metadata__:
            if isinstance(mark, Form):
                return mark, omit_empty or OMIT_EMPTY in annotation.__metadata__
        omit_empty = True
        annotation = annotation.__origin__
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {types.UnionType, typing.Union}:
        (inner,) = (argument for argument in arguments if argument is not type(None))
        form, _ = _form(inner)
        return _nullable(form), omit_empty
    if origin is tuple:
        return _array(_form(arguments[0])[0]), omit_empty
    return _nested(annotation), omit_empty


def _nullable(form: Form) -> Form:
    """A pointer or slice of Go: nil stands for None."""

    def read(data: bytes, position: int) -> tuple[Any, int]:
        if msgpack.is_nil(data, position):
            return None, position + 1
        return form.read(data, position)

    return Form(lambda value: msgpack.NIL if value is None else form.write(value), read, None)


def _array(form: Form) -> Form:
    def write(values: tuple[Any, ...]) -> bytes:
        return msgpack.pack_array_size(len(values)) + b"".join(map(form.write, values))

    def read(data: bytes, position: int) -> tuple[tuple[Any, ...], int]:
        size, position = msgpack.read_array_size(data, position, form.least)
        values = []
        for _ in range(size):
            value, position = form.read(data, position)
            values.append(value)
        return tuple(values), position

    return Form(write, read, ())


def _nested(kind: type[msgspec.Struct]) -> Form:
    return Form(
        encode, lambda data, position: _read_struct(kind, data, position), zero(kind), _FEWEST_BYTES_OF_A_STRUCT
    )


__all__ = [
    "F64", "I64", "OMIT_EMPTY", "U8", "U16", "U32", "U64",
    "Bool", "Bytes", "Form", "Int", "Mac", "Text", "Time", "Uuid", "decode", "decode_usual", "encode", "zero",
]  # fmt: skip

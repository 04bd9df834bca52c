"""Records as sealed bytes: a blob is bound to its table, its id and every clear column beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import Enum
from types import MappingProxyType
from typing import Any

from agematch.records import Case, Face, Failure, FailureReason, Photo, Quality, Sex, Sighting, Source
from agematch.store import crypto


def seal_record(key: bytes, table: str, clear: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
    """Encrypt the body of a record; `clear` are its other columns, any change to which is found when it is read."""
    return crypto.seal(key, _json(body), _aad(table, clear))


def unseal_record(key: bytes, table: str, clear: Mapping[str, Any], blob: bytes) -> dict[str, Any]:
    """Return the body of a record. Raises DamageFound naming the table and the id."""
    name = f"{table} {next(iter(clear.values()))}"
    body: dict[str, Any] = json.loads(crypto.unseal(key, blob, _aad(table, clear), name))
    return body


def _aad(table: str, clear: Mapping[str, Any]) -> bytes:
    columns = [
        table,
        sorted(clear.items()),
    ]  # a damaged column may hold bytes, which `repr` keeps from passing
    return _bytes(json.dumps(columns, ensure_ascii=False, separators=(",", ":"), default=repr))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a file name that is not UTF-8 has surrogates in it


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} has no place in a record")


def _json(body: Mapping[str, Any]) -> bytes:
    return _bytes(json.dumps(dict(body), ensure_ascii=False, separators=(",", ":"), default=_plain))


def _given(record: Case | Sighting | Photo) -> dict[str, Any]:
    """Return the fields of a record that hold something: what a person gave."""
    body = {
        field.name: value
        for field in fields(record)
        if (value := getattr(record, field.name)) != field.default
    }
    extra = body.pop("extra")
    return body | {"extra": dict(extra)} if extra else body


def case_body(case: Case) -> dict[str, Any]:
    return _given(case)


def case_of(body: Mapping[str, Any]) -> Case:
    return Case(**_with(body, sex=Sex, extra=MappingProxyType))


def sighting_body(sighting: Sighting) -> dict[str, Any]:
    return _given(sighting)


def sighting_of(body: Mapping[str, Any]) -> Sighting:
    return Sighting(**_with(body, sex=Sex, source=Source, extra=MappingProxyType))


def photo_body(photo: Photo) -> dict[str, Any]:
    return _given(photo)


def photo_of(body: Mapping[str, Any]) -> Photo:
    return Photo(**_with(body, box=tuple, extra=MappingProxyType))


def failure_body(failure: Failure | None) -> dict[str, Any] | None:
    return asdict(failure) if failure else None


def failure_of(body: Mapping[str, Any] | None) -> Failure | None:
    return Failure(FailureReason(body["reason"]), body["detail"], body["remedy"]) if body else None


def face_body(face: Face) -> dict[str, Any]:
    return asdict(face)


def face_of(body: Mapping[str, Any]) -> Face:
    quality = Quality(**_with(body["quality"], flags=tuple))
    landmarks = tuple(tuple(point) for point in body["landmarks"])
    return Face(**_with({**body, "quality": quality, "landmarks": landmarks}, box=tuple))


def _with(body: Mapping[str, Any], **readers: Any) -> dict[str, Any]:
    return {
        name: readers[name](value) if name in readers and value is not None else value
        for name, value in body.items()
    }

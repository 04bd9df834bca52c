"""How tests read what the report room publishes: HTML as a browser takes it apart, JSON against its schema."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "br", "line", "rect", "use", "circle"}


class Page(HTMLParser):
    """The page as a browser takes it apart: tags with their attributes, and the text between them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def with_class(self, name: str) -> list[tuple[str, dict[str, str | None]]]:
        return [(tag, attrs) for tag, attrs in self.tags if name in (attrs.get("class") or "").split()]

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.texts).split())


KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def faults(value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
    """Check the part of JSON Schema that our schema uses; an unknown keyword is itself a fault."""
    known = {
        "$schema",
        "$id",
        "title",
        "description",
        "type",
        "additionalProperties",
        "required",
        "properties",
    }
    known |= {"const", "enum", "items", "minItems", "maxItems", "minimum", "maximum"}
    said = [f"{where}: unknown keyword {word}" for word in set(schema) - known]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(
        isinstance(value, KINDS[kind]) and (kind == "boolean") == isinstance(value, bool) for kind in kinds
    ):
        return [*said, f"{where}: {value!r} is not {kinds}"]
    if "const" in schema and value != schema["const"]:
        said.append(f"{where}: {value!r} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        said.append(f"{where}: {value!r} is not in the list")
    if isinstance(value, dict):
        said += [f"{where}: {key} is missing" for key in schema.get("required", []) if key not in value]
        for key, inner in value.items():
            if key in schema.get("properties", {}):
                said += faults(inner, schema["properties"][key], f"{where}.{key}")
            elif schema.get("additionalProperties") is False:
                said.append(f"{where}: {key} is not in the schema")
            else:
                said += faults(inner, schema.get("additionalProperties", {}), f"{where}.{key}")
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            said.append(f"{where}: has {len(value)} items")
        for n, inner in enumerate(value):
            said += faults(inner, schema.get("items", {}), f"{where}[{n}]")
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get(
        "maximum", value
    ):
        said.append(f"{where}: {value} is out of range")
    return said

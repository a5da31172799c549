"""As much of JSON Schema as the schemas of this package use; what else one says is refused."""

from typing import Any

KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
KNOWN = {
    *("$schema", "$defs", "$ref", "title", "description", "type", "enum", "const"),
    *("properties", "required", "additionalProperties", "items"),
}


def check(value: Any, schema: dict, root: dict | None = None, where: str = "") -> None:
    """Raise AssertionError if a value is not as a schema says."""
    root = schema if root is None else root
    assert set(schema) <= KNOWN, f"{where}: {set(schema) - KNOWN} is not understood here"
    if "$ref" in schema:
        check(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, where)
        return
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds:
        fits = [
            isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))
            for kind in kinds
        ]
        assert any(fits), f"{where}: {value!r} is no {kinds}"
    assert value in schema.get("enum", [value]), f"{where}: {value!r}"
    assert value == schema.get("const", value), f"{where}: {value!r}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        assert set(schema.get("required", ())) <= set(value), f"{where}: lacks a key"
        for key, part in value.items():
            more = schema.get("additionalProperties", {})
            assert key in properties or more is not False, f"{where}: {key} is not described"
            check(part, properties.get(key, more), root, f"{where}.{key}")
    if isinstance(value, list):
        for place, part in enumerate(value):
            check(part, schema.get("items", {}), root, f"{where}[{place}]")

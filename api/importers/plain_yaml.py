"""The plain part of YAML: texts, whole numbers, true and false, lists and objects, each key once."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from domain.kernel import Refused

MAX_DEPTH = 24
"""How deep lists and objects may lie within one another."""
MAX_DIGITS = 18
TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "bool", "null", "map", "seq")}


def is_whole(text: str) -> bool:
    """Whether every character of a text is one, which escapes of JSON and YAML need not be."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


class _Plain(yaml.SafeLoader):
    """Takes a text for a text unless it can be nothing else: NO is Norway, 1.10 keeps its zero, and a date its form."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # as in its parent
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it open
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Refused(f"Line {line} uses an anchor or an alias (& or *). Write out what is meant.", "file")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Refused(f"Line {line} is nested too deep: {MAX_DEPTH} levels are the limit.", "file")
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None and node.tag not in TAGS:
            raise Refused(f"Line {line} has the tag {node.tag[:60]}. Tags are not taken.", "file")
        if isinstance(node, yaml.ScalarNode) and not is_whole(node.value):
            raise Refused(f"Line {line} holds half of a character (an unpaired surrogate).", "file")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Keys are texts as they stand there."""
        found: dict[Hashable, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise Refused(f"Line {line} has a list or an object for a key. A key is a text.", "file")
            if key.value in found:
                raise Refused(f"The key {key.value[:60]!r} of line {line} stands twice in one object.", "file")
            found[key.value] = self.construct_object(value, deep=True)
        return found


for _name, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("int", rf"-?(?:0|[1-9][0-9]{{0,{MAX_DIGITS - 1}}})", "-0123456789"),
    ("null", r"null|~|", ["n", "~", ""]),
):
    _Plain.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def plain_yaml(content: bytes) -> Any:
    """What a YAML file says. Raises `Refused` if it is none, or says more than the plain part does."""
    try:
        return _Plain(content.decode()).get_single_data()
    except UnicodeDecodeError as error:
        raise Refused(f"Byte {error.start + 1} of this file is not UTF-8. Save the file as UTF-8.", "file") from None
    except yaml.MarkedYAMLError as error:
        place = f" at line {error.problem_mark.line + 1}" if error.problem_mark is not None else ""
        raise Refused(f"This file is not YAML: {error.problem or error.context}{place}.", "file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Refused(f"This file is not YAML: {str(error).splitlines()[0][:200]}.", "file") from None

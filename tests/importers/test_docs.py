import doctest
import json
import re
from pathlib import Path

from domain.kernel import derived
from domain.order import OrderPlaced
from tests.conftest import House
from tests.importers.conftest import Import, happened, imported

PAGE = Path(__file__).parents[2] / "docs" / "import.md"


def test_the_ids_on_the_page_are_those_that_everybody_computes() -> None:
    assert doctest.testfile(str(PAGE), module_relative=False).attempted == 4
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0


def test_the_line_on_the_page_can_be_imported(house: House, load: Import) -> None:
    text = PAGE.read_text()
    line = re.findall(r"```json\n(.*)\n```", text)[0]
    assert load("commands", line + "\n").complete
    (placed,) = happened(house)
    assert isinstance(placed, OrderPlaced)
    ((_, at),) = imported(house)
    assert f"UUID('{at.stream_id}')" in text
    assert f"UUID('{at.customer_id}')" in text
    content = json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"))
    assert at.command_id == derived("command", content)

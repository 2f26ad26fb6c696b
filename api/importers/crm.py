"""CRM Sales Opportunities: the folder of a sales team's accounts, products, people and opportunities."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from api.importers.importing import Context, Importer, Read, Rejected, Setting
from api.importers.lines import Source
from api.importers.mapped import shipped, shipped_text
from domain.kernel import Refused

FILES = {
    "products": "products.csv",
    "accounts": "accounts.csv",
    "sales-teams": "sales_teams.csv",
    "opportunities": "sales_pipeline.csv",
}
"""The mapping that reads each file of the folder, in the order in which they are read."""

UNDATED = "2016-10-01"


def read(source: Source, context: Context) -> Iterator[Read]:
    """What the four files ask for, one after the other; the number of a line is that in its own file."""
    folder = Path(source.path)
    if not folder.is_dir():
        raise Refused(f"{source.path!r} is no folder. Give the one that holds {', '.join(FILES.values())}.", "file")
    parts = [(shipped(mapping), Source(str(found(folder, name)))) for mapping, name in FILES.items()]
    for importer, part in parts:  # a header that is wrong in the last file must not be found when the first is taken
        next(importer.read(Source(part.path), context), None)
    source.size = sum(part.size or 0 for _, part in parts)
    for importer, part in parts:
        name = Path(part.path).name
        bytes_before, lines_before = source.bytes_read, source.lines_read
        for each in importer.read(part, context):
            source.bytes_read, source.lines_read = bytes_before + part.bytes_read, lines_before + part.lines_read
            yield each._replace(reason=f"{name}: {each.reason}") if isinstance(each, Rejected) else each
        source.bytes_read, source.lines_read = bytes_before + part.bytes_read, lines_before + part.lines_read
        if part.damage is not None:
            source.damage = " ".join(filter(None, (source.damage, f"{name}: {part.damage}")))


def found(folder: Path, name: str) -> Path:
    """A file of the folder, be it compressed or not. Raises `Refused` if there is none."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise Refused(f"{name} is missing from {str(folder)!r}. There should be {', '.join(FILES.values())}.", "file")


importer = Importer(
    "crm",
    "The CRM Sales Opportunities layout: a folder of products, accounts, sales teams and opportunities.",
    read,
    settings=(Setting("undated", "when what has no date was so", UNDATED),),
    whole=True,
    mapping=sha256(b"".join(map(shipped_text, FILES))).hexdigest(),
)

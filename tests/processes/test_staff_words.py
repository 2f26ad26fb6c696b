"""What colleagues are told to do: in the language of whoever is told, all of it in one place."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from domain.kernel import MAX_LINE, derived
from domain.staff import Staff, StaffAdded, StaffRole, evolve
from processes.company import Company
from processes.contact import LANGUAGES
from processes.staff_words import WORDS, language_of, listed, said, told

PROCESSES = Path(__file__).parents[2] / "processes"
EVA = derived("staff", "eva")


def company(*languages: str) -> Company:
    added = StaffAdded(name="Eva", role=StaffRole.REP, timezone="Europe/Madrid", languages=languages)
    return Company(staff={EVA: evolve(Staff(), added)})


@pytest.mark.parametrize("key", sorted(WORDS))
def test_everything_is_said_in_each_of_our_languages(key: str) -> None:
    assert set(WORDS[key]) == set(LANGUAGES)
    assert len(set(WORDS[key].values())) == len(LANGUAGES)
    for text in WORDS[key].values():
        names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        assert all(re.fullmatch("[a-z_]+", name) for name in names)
        assert said("en" if text is WORDS[key]["en"] else "es", key, **dict.fromkeys(names, "7")) == text.format(
            **dict.fromkeys(names, "7")
        )


@pytest.mark.parametrize(
    ("languages", "language"),
    [(("es-MX", "en"), "es"), (("fr", "ES"), "es"), (("en-GB",), "en"), (("fr",), "en"), ((), "en")],
)
def test_it_is_the_language_that_somebody_speaks_best_of_those_that_we_write(
    languages: tuple[str, ...], language: str
) -> None:
    assert language_of(company(*languages), EVA) == language


def test_nobody_in_particular_is_told_in_the_language_of_the_house_and_who_speaks_none_of_ours_in_the_other() -> None:
    assert language_of(company("en"), None) == language_of(Company(), None) == "es"
    assert language_of(Company(), EVA) == language_of(company("fr"), EVA) == "en"
    assert told(company("en"), None, "one_case") == "1 caso"


def test_it_is_one_line_that_fits() -> None:
    line = told(company("es"), EVA, "first_visit", campaign="x" * 300)
    assert (len(line), line[:27], line[-1]) == (MAX_LINE, "Primera visita: respondiero", "…")


@pytest.mark.parametrize(
    ("room", "shown"),
    [(99, "C-1, C-22, C-3"), (14, "C-1, C-22, C-3"), (13, "C-1 y 2 más"), (11, "C-1 y 2 más"), (10, "3")],
)
def test_names_are_listed_as_far_as_there_is_room(room: int, shown: str) -> None:
    assert listed("es", ["C-1", "C-22", "C-3"], room) == shown


def test_no_policy_has_words_of_its_own_for_colleagues() -> None:
    """Every task takes what it says from here, or from whoever planned it."""
    for file in PROCESSES.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ScheduleActivity":
                [subject] = (word.value for word in node.keywords if word.arg == "subject")
                assert not isinstance(subject, ast.Constant | ast.JoinedStr), f"{file.name}:{node.lineno}"

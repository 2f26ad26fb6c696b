"""Case notes."""

from dataclasses import replace
from uuid import UUID

from domain.case_note import MAX_NOTES, CaseNoted, NoteCase, decider
from domain.kernel import derived
from tests.domain.scenario import but, given

CASE, ANA, LUIS = UUID(int=1), UUID(int=2), UUID(int=3)
LOG = NoteCase(case_id=CASE, customer_id=ANA, activity="Wait", staff_id=LUIS, external_ref="7")
LOGGED = CaseNoted(case_id=CASE, customer_id=ANA, activity="Wait", text=None, staff_id=LUIS, external_ref="7")
WRITE = NoteCase(case_id=CASE, text="She is right.", staff_id=LUIS)
WRITTEN = CaseNoted(case_id=CASE, customer_id=None, text="She is right.", staff_id=LUIS)


def test_the_notes_of_a_case_are_a_stream_of_their_own() -> None:
    assert decider.stream_of(LOG) == decider.stream_of(WRITE) == derived("case_note", CASE)


def test_a_line_of_another_log_is_noted_once_and_the_next_one_is_another() -> None:
    given(decider).when(LOG).then(LOGGED)
    given(decider, LOGGED).when(LOG).then_nothing()
    given(decider, LOGGED).when(but(LOG, external_ref="8")).then(replace(LOGGED, external_ref="8"))
    given(decider).when(but(LOG, activity=" ")).refused("The activity must not be blank.", "activity")
    given(decider).when(but(LOG, external_ref="")).refused("The reference must not be blank.", "external_ref")


def test_a_note_is_taken_once_if_it_has_a_reference_and_is_new_without_one() -> None:
    given(decider, WRITTEN).when(WRITE).then(WRITTEN)
    named = replace(WRITTEN, external_ref="c")
    given(decider).when(but(WRITE, external_ref="c")).then(named)
    given(decider, named).when(but(WRITE, external_ref="c")).then_nothing()
    given(decider).when(but(WRITE, text=" ")).refused("The note must not be blank.", "text")


def test_a_line_of_another_log_may_come_with_words_but_a_note_says_something() -> None:
    given(decider).when(but(LOG, text="On holiday")).then(replace(LOGGED, text="On holiday"))
    given(decider).when(but(LOG, activity=None)).refused("Give the activity or the note.", "text")


def test_a_later_note_is_of_the_same_customer() -> None:
    state = given(decider, LOGGED).when(WRITE).then(replace(WRITTEN, customer_id=ANA))
    assert decider.customer_of(WRITE, state) == ANA


def test_a_case_holds_so_many_notes() -> None:
    full = [WRITTEN] * (MAX_NOTES - 1)
    given(decider, *full, LOGGED).when(WRITE).refused(f"A case holds at most {MAX_NOTES} notes: open another case.")
    given(decider, *full, LOGGED).when(LOG).then_nothing()

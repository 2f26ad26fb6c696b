"""Customers."""

from datetime import date
from uuid import UUID

import pytest

from domain.customer import (
    MAX_EVIDENCE,
    MAX_PREFERENCES,
    Address,
    AddressChanged,
    ChangeAddress,
    ChangeCustomerProfile,
    CustomerKind,
    CustomerProfileChanged,
    CustomerRegistered,
    InferPreference,
    PreferenceInferred,
    PreferenceStated,
    RegisterCustomer,
    StatePreference,
    decider,
)
from domain.identifiers import (
    AddIdentifier,
    IdentifierAdded,
    IdentifierRemoved,
    IdentifierType,
    RemoveIdentifier,
    VerifyIdentifier,
)
from domain.kernel import Command
from tests.domain.scenario import but, given

ANA = UUID(int=1)
EMAIL, PHONE = IdentifierType.EMAIL, IdentifierType.PHONE

REGISTER = RegisterCustomer(customer_id=ANA, name="Ana", email="Ana@Example.com", phone="600 123 456", source="shop")
REGISTERED = CustomerRegistered(
    kind=CustomerKind.PERSON, name="Ana", language="es", timezone="Europe/Madrid", source="shop"
)
MAIL = IdentifierAdded(number=1, type=EMAIL, value="Ana@Example.com", normal="ana@example.com")
CALL = IdentifierAdded(number=2, type=PHONE, value="600 123 456", normal="+34600123456")


def test_a_customer_is_registered_with_what_to_recognise_them_by() -> None:
    state = given(decider).when(REGISTER).then(REGISTERED, MAIL, CALL)
    assert (state.name, state.language, state.timezone) == ("Ana", "es", "Europe/Madrid")


def test_a_customer_may_have_no_name() -> None:
    asked = RegisterCustomer(customer_id=ANA, kind=CustomerKind.ORGANISATION, country="Spain", territory="north")
    given(decider).when(asked).then(
        CustomerRegistered(
            kind=CustomerKind.ORGANISATION,
            name=None,
            language="es",
            timezone="Europe/Madrid",
            country="Spain",
            territory="north",
        )
    )


def test_a_customer_registered_twice_is_registered_once() -> None:
    given(decider, REGISTERED, MAIL, CALL).when(REGISTER).then_nothing()
    given(decider, REGISTERED, MAIL, CALL, CustomerProfileChanged(name="Anna")).when(REGISTER).then_nothing()
    given(decider, REGISTERED, MAIL, CALL, IdentifierRemoved(number=1, type=EMAIL)).when(REGISTER).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        RegisterCustomer(customer_id=ANA, name="Eva", source="shop"),
        RegisterCustomer(customer_id=ANA, name="Ana", source="shop", email="other@example.com"),
        RegisterCustomer(customer_id=ANA, name="Ana", source="shop", phone="600 123 457"),
    ],
)
def test_a_customer_is_not_registered_as_somebody_else(other: RegisterCustomer) -> None:
    given(decider, REGISTERED, MAIL, CALL).when(other).refused(
        "This customer is already registered. Change the profile instead."
    )


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (RegisterCustomer(customer_id=ANA, name=" \t"), "The name must not be blank.", "name"),
        (RegisterCustomer(customer_id=ANA, language="Spanish"), "Write the language as es or es-MX.", "language"),
        (
            RegisterCustomer(customer_id=ANA, timezone="Madrid"),
            "Give the time zone by its IANA name, such as Europe/Madrid.",
            "timezone",
        ),
        (
            RegisterCustomer(customer_id=ANA, phone="call me"),
            "This is not a phone number: write it as +34 600 123 456.",
            "phone",
        ),
        (
            RegisterCustomer(customer_id=ANA, email="ana"),
            "This is not an e-mail address. An email address must have an @-sign.",
            "email",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(command: Command, sentence: str, field: str) -> None:
    given(decider).when(command).refused(sentence, field)


def test_a_phone_without_a_country_code_is_of_the_country_of_the_customer() -> None:
    for asked in (
        RegisterCustomer(customer_id=ANA, phone="020 7946 0958", country="GB"),
        RegisterCustomer(customer_id=ANA, phone="020 7946 0958", country="United Kingdom", language="en-GB"),
    ):
        _, added = decider.decide(asked, decider.initial)
        assert isinstance(added, IdentifierAdded)
        assert added.normal == "+442079460958"


@pytest.mark.parametrize(
    "command",
    [
        ChangeCustomerProfile(customer_id=ANA, name="Anna"),
        ChangeAddress(customer_id=ANA, street="Calle Mayor 1", postal_code="28013", city="Madrid", country="ES"),
        AddIdentifier(customer_id=ANA, type=EMAIL, value="ana@example.com"),
        VerifyIdentifier(customer_id=ANA, type=EMAIL, value="ana@example.com", method="link"),
        RemoveIdentifier(customer_id=ANA, type=EMAIL, value="ana@example.com"),
        StatePreference(customer_id=ANA, topic="hobby", value="chess"),
        InferPreference(customer_id=ANA, topic="hobby", value="chess", evidence=(7,)),
    ],
)
def test_nothing_is_asked_of_a_customer_who_is_not_registered(command: Command) -> None:
    given(decider).when(command).refused("This customer is not registered yet.", "customer_id")


def test_a_profile_changes_only_where_it_differs() -> None:
    asked = ChangeCustomerProfile(
        customer_id=ANA, name="Ana", language="en", birth_date=date(1980, 2, 29), sector="retail", size="10-49"
    )
    changed = CustomerProfileChanged(birth_date=date(1980, 2, 29), language="en", sector="retail", size="10-49")
    state = given(decider, REGISTERED).when(asked).then(changed)
    assert (state.name, state.language, state.birth_date) == ("Ana", "en", date(1980, 2, 29))
    given(decider, REGISTERED, changed).when(asked).then_nothing()
    given(decider, REGISTERED).when(ChangeCustomerProfile(customer_id=ANA)).then_nothing()


@pytest.mark.parametrize(
    ("command", "sentence", "field"),
    [
        (ChangeCustomerProfile(customer_id=ANA, name=""), "The name must not be blank.", "name"),
        (ChangeCustomerProfile(customer_id=ANA, sector=" "), "The sector must not be blank.", "sector"),
        (ChangeCustomerProfile(customer_id=ANA, language="x"), "Write the language as es or es-MX.", "language"),
        (
            ChangeCustomerProfile(customer_id=ANA, timezone="Mars/Olympus"),
            "Give the time zone by its IANA name, such as Europe/Madrid.",
            "timezone",
        ),
        (
            ChangeCustomerProfile(customer_id=ANA, birth_date=date(1, 1, 1)),
            "Nobody alive was born before 1850-01-01.",
            "birth_date",
        ),
    ],
)
def test_a_profile_must_make_sense(command: Command, sentence: str, field: str) -> None:
    given(decider, REGISTERED).when(command).refused(sentence, field)


def test_the_oldest_customer_may_be_born_on_the_first_day_that_is_taken() -> None:
    asked = ChangeCustomerProfile(customer_id=ANA, birth_date=date(1850, 1, 1))
    given(decider, REGISTERED).when(asked).then(CustomerProfileChanged(birth_date=date(1850, 1, 1)))


def test_a_customer_moves_once() -> None:
    asked = ChangeAddress(customer_id=ANA, street="Calle Mayor 1", postal_code="", city="Madrid", country="ES")
    moved = AddressChanged(address=Address(street="Calle Mayor 1", postal_code="", city="Madrid", country="ES"))
    given(decider, REGISTERED).when(asked).then(moved)
    given(decider, REGISTERED, moved).when(asked).then_nothing()


def test_an_address_has_a_street() -> None:
    asked = ChangeAddress(customer_id=ANA, street=" ", postal_code="28013", city="Madrid", country="ES")
    given(decider, REGISTERED).when(asked).refused("The street must not be blank.", "street")


def test_a_preference_is_stated_until_it_changes() -> None:
    asked = StatePreference(customer_id=ANA, topic="hobby", value="chess")
    stated = PreferenceStated(topic="hobby", value="chess")
    given(decider, REGISTERED).when(asked).then(stated)
    given(decider, REGISTERED, stated).when(asked).then_nothing()
    changed = PreferenceStated(topic="hobby", value="go")
    given(decider, REGISTERED, stated).when(StatePreference(customer_id=ANA, topic="hobby", value="go")).then(changed)
    given(decider, REGISTERED, stated, changed).when(asked).then(stated)


def test_a_preference_has_a_topic() -> None:
    given(decider, REGISTERED).when(StatePreference(customer_id=ANA, topic=" ", value="x")).refused(
        "The topic must not be blank.", "topic"
    )
    many = [PreferenceStated(topic=str(n), value="x") for n in range(MAX_PREFERENCES)]
    given(decider, REGISTERED, *many).when(StatePreference(customer_id=ANA, topic="hobby", value="x")).refused(
        f"A customer may have preferences on at most {MAX_PREFERENCES} topics.", "topic"
    )


INFER = InferPreference(customer_id=ANA, topic="hobby", value="chess", evidence=(7, 12))
INFERRED = PreferenceInferred(topic="hobby", value="chess", evidence=(7, 12))


def test_a_preference_is_inferred_until_something_else_is() -> None:
    given(decider, REGISTERED).when(INFER).then(INFERRED)
    given(decider, REGISTERED, INFERRED).when(INFER).then_nothing()
    given(decider, REGISTERED, INFERRED).when(but(INFER, evidence=(99,))).then_nothing()
    given(decider, REGISTERED, INFERRED).when(but(INFER, value="go")).then(
        PreferenceInferred(topic="hobby", value="go", evidence=(7, 12))
    )


def test_what_a_customer_said_is_not_overruled_by_what_they_seem_to_prefer() -> None:
    stated = PreferenceStated(topic="hobby", value="go")
    given(decider, REGISTERED, stated).when(INFER).then_nothing()
    given(decider, REGISTERED, stated, INFERRED).when(but(INFER, value="tennis")).then_nothing()
    other = but(INFER, topic="contact-time")
    given(decider, REGISTERED, stated).when(other).then(
        PreferenceInferred(topic="contact-time", value="chess", evidence=(7, 12))
    )


def test_what_was_inferred_may_be_said_and_is_said_from_then_on() -> None:
    state = StatePreference(customer_id=ANA, topic="hobby", value="chess")
    stated = PreferenceStated(topic="hobby", value="chess")
    given(decider, REGISTERED, INFERRED).when(state).then(stated)
    given(decider, REGISTERED, INFERRED, stated).when(state).then_nothing()
    given(decider, REGISTERED, INFERRED, stated).when(but(INFER, value="go")).then_nothing()


@pytest.mark.parametrize("evidence", [(), tuple(range(1, MAX_EVIDENCE + 2))])
def test_an_inference_cites_some_events_and_not_too_many(evidence: tuple[int, ...]) -> None:
    given(decider, REGISTERED).when(but(INFER, evidence=evidence)).refused(
        f"Name from 1 to {MAX_EVIDENCE} events that say so.", "evidence"
    )


def test_an_inference_cites_positions_in_the_log() -> None:
    given(decider, REGISTERED).when(but(INFER, evidence=(7, 0))).refused(
        "Name the events by their positions in the log, which count from 1.", "evidence"
    )
    most = but(INFER, evidence=tuple(range(1, MAX_EVIDENCE + 1)))
    given(decider, REGISTERED).when(most).then(PreferenceInferred(topic="hobby", value="chess", evidence=most.evidence))


def test_an_inference_has_a_topic() -> None:
    given(decider, REGISTERED).when(but(INFER, topic="")).refused("The topic must not be blank.", "topic")
    many = [PreferenceInferred(topic=str(n), value="x", evidence=(1,)) for n in range(MAX_PREFERENCES)]
    given(decider, REGISTERED, *many).when(INFER).refused(
        f"A customer may have preferences on at most {MAX_PREFERENCES} topics.", "topic"
    )


def test_a_customer_who_was_forgotten_can_still_be_folded() -> None:
    forgotten = [
        CustomerRegistered(kind=CustomerKind.PERSON, name=None, language="es", timezone="Europe/Madrid"),
        IdentifierAdded(number=1, type=EMAIL, value=None, normal=None),
        CustomerProfileChanged(),
        AddressChanged(address=None),
        PreferenceStated(topic="hobby", value=None),
        PreferenceInferred(topic="contact-time", value=None, evidence=(7,)),
    ]
    asked = AddIdentifier(customer_id=ANA, type=EMAIL, value="new@example.com")
    given(decider, *forgotten).when(asked).then(
        IdentifierAdded(number=2, type=EMAIL, value="new@example.com", normal="new@example.com")
    )

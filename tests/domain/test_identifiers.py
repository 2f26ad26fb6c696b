"""Identifiers, and tax ids in particular."""

from uuid import UUID

import pytest
from hypothesis import given as whatever
from hypothesis import settings
from hypothesis import strategies as st

from domain.customer import CustomerKind, CustomerProfileChanged, CustomerRegistered, decider
from domain.identifiers import (
    MAX_IDENTIFIERS,
    AddIdentifier,
    IdentifierAdded,
    IdentifierRemoved,
    IdentifierType,
    IdentifierVerified,
    RemoveIdentifier,
    VerifyIdentifier,
    normalised,
)
from domain.values import TaxId
from tests.domain.scenario import given

ANA = UUID(int=1)
EMAIL, PHONE, TAX_ID = IdentifierType.EMAIL, IdentifierType.PHONE, IdentifierType.TAX_ID

REGISTERED = CustomerRegistered(kind=CustomerKind.PERSON, name="Ana", language="es", timezone="Europe/Madrid")
MAIL = IdentifierAdded(number=1, type=EMAIL, value="Ana@Example.com", normal="ana@example.com")
CALL = IdentifierAdded(number=2, type=PHONE, value="600 123 456", normal="+34600123456")
NOT_SPANISH = "This is not a Spanish tax id: check its digits and its letter."


def of(country: str) -> CustomerRegistered:
    """Somebody of a country."""
    return CustomerRegistered(
        kind=CustomerKind.PERSON, name="Ana", language="es", timezone="Europe/Madrid", country=country
    )


def taxed(value: str, normal: str) -> IdentifierAdded:
    return IdentifierAdded(number=1, type=TAX_ID, value=value, normal=normal)


def add(value: str) -> AddIdentifier:
    return AddIdentifier(customer_id=ANA, type=TAX_ID, value=value)


def remove(value: str) -> RemoveIdentifier:
    return RemoveIdentifier(customer_id=ANA, type=TAX_ID, value=value)


def test_an_identifier_is_added_once_however_it_is_written() -> None:
    asked = AddIdentifier(customer_id=ANA, type=IdentifierType.LOYALTY_CARD, value=" ib-12 34x ")
    added = IdentifierAdded(number=3, type=IdentifierType.LOYALTY_CARD, value=" ib-12 34x ", normal="IB1234X")
    given(decider, REGISTERED, MAIL, CALL).when(asked).then(added)
    for same in ("IB1234X", "ib 12 34 x"):
        again = AddIdentifier(customer_id=ANA, type=IdentifierType.LOYALTY_CARD, value=same)
        given(decider, REGISTERED, MAIL, CALL, added).when(again).then_nothing()
    other = AddIdentifier(customer_id=ANA, type=IdentifierType.TAX_ID, value="IB1234X")
    given(decider, REGISTERED, MAIL, CALL, added).when(other).then(
        IdentifierAdded(number=4, type=IdentifierType.TAX_ID, value="IB1234X", normal="IB1234X")
    )


@pytest.mark.parametrize(
    ("type", "sentence"),
    [
        (EMAIL, "This is not an e-mail address. An email address must have an @-sign."),
        (PHONE, "This is not a phone number: write it as +34 600 123 456."),
        (IdentifierType.COOKIE, "The identifier must not be blank."),
    ],
)
@pytest.mark.parametrize("command", [AddIdentifier, RemoveIdentifier])
def test_an_identifier_must_make_sense(
    type: IdentifierType, sentence: str, command: type[AddIdentifier] | type[RemoveIdentifier]
) -> None:
    given(decider, REGISTERED).when(command(customer_id=ANA, type=type, value=" - ")).refused(sentence, "value")


def test_a_customer_has_a_limited_number_of_identifiers() -> None:
    many = [
        IdentifierAdded(number=n, type=IdentifierType.COOKIE, value=str(n), normal=str(n))
        for n in range(1, MAX_IDENTIFIERS + 1)
    ]
    given(decider, REGISTERED, *many).when(AddIdentifier(customer_id=ANA, type=EMAIL, value="a@example.com")).refused(
        f"A customer may be given at most {MAX_IDENTIFIERS} identifiers."
    )


def test_an_identifier_is_verified_once_by_each_method() -> None:
    asked = VerifyIdentifier(customer_id=ANA, type=EMAIL, value="ana@example.com", method="link")
    verified = IdentifierVerified(number=1, type=EMAIL, method="link")
    given(decider, REGISTERED, MAIL, CALL).when(asked).then(verified)
    given(decider, REGISTERED, MAIL, CALL, verified).when(asked).then_nothing()


@pytest.mark.parametrize("removed", [[], [MAIL, IdentifierRemoved(number=1, type=EMAIL)]])
def test_only_what_is_the_customers_is_verified(removed: list[IdentifierAdded]) -> None:
    asked = VerifyIdentifier(customer_id=ANA, type=EMAIL, value="ana@example.com", method="link")
    given(decider, REGISTERED, *removed).when(asked).refused(
        "This identifier is not the customer's: add it first.", "value"
    )
    blank = VerifyIdentifier(customer_id=ANA, type=EMAIL, value="ana@example.com", method="")
    given(decider, REGISTERED, MAIL).when(blank).refused("The method must not be blank.", "method")


def test_an_identifier_is_removed_once_and_may_come_back_under_another_number() -> None:
    asked = RemoveIdentifier(customer_id=ANA, type=PHONE, value="+34 600-123-456")
    removed = IdentifierRemoved(number=2, type=PHONE)
    given(decider, REGISTERED, MAIL, CALL).when(asked).then(removed)
    given(decider, REGISTERED, MAIL, CALL, removed).when(asked).then_nothing()
    back = IdentifierAdded(number=3, type=PHONE, value="600123456", normal="+34600123456")
    given(decider, REGISTERED, MAIL, CALL, removed).when(
        AddIdentifier(customer_id=ANA, type=PHONE, value="600123456")
    ).then(back)
    given(decider, REGISTERED, MAIL, CALL, removed, back).when(asked).then(IdentifierRemoved(number=3, type=PHONE))


def test_what_was_never_the_customers_is_not_removed() -> None:
    asked = RemoveIdentifier(customer_id=ANA, type=PHONE, value="600 999 999")
    given(decider, REGISTERED, MAIL, CALL).when(asked).refused("This identifier was never the customer's.", "value")


@pytest.mark.parametrize(
    ("value", "normal"),
    [
        ("12345678Z", "12345678Z"),
        (" es-12.345.678-z ", "12345678Z"),
        ("X-2482300-W", "X2482300W"),
        ("B-58378431", "B58378431"),
        ("ESB58378431", "B58378431"),
        ("FR 40 303 265 045", "40303265045"),
    ],
)
def test_a_tax_id_of_somebody_of_spain_is_kept_as_given_and_matched_without_its_prefix(value: str, normal: str) -> None:
    added = taxed(value, normal)
    given(decider, of("ES")).when(add(value)).then(added)
    given(decider, of(" es ")).when(add(value)).then(added)
    given(decider, of("ES"), added).when(add(value)).then_nothing()
    given(decider, of("ES"), added).when(add(normal)).then_nothing() if value[:2] != "FR" else None
    given(decider, of("ES"), added).when(remove(value.lower())).then(IdentifierRemoved(number=1, type=TAX_ID))


@pytest.mark.parametrize("value", ["12345678A", "B58378432", "X2482300A", "1234", "FR40303265046", "ES12345678A"])
def test_a_tax_id_that_spain_cannot_have_given_is_refused(value: str) -> None:
    given(decider, of("ES")).when(add(value)).refused(NOT_SPANISH, "value")
    for elsewhere in (REGISTERED, of("PT"), of("GB"), of("US")):
        given(decider, elsewhere).when(add(value)).then(taxed(value, value))


def test_a_tax_id_that_was_wrong_when_it_was_told_can_still_be_proved_or_removed() -> None:
    wrong = taxed("12345678A", "12345678A")
    verify = VerifyIdentifier(customer_id=ANA, type=TAX_ID, value="12345678-A", method="paper")
    verified = IdentifierVerified(number=1, type=TAX_ID, method="paper")
    given(decider, of("ES"), wrong).when(verify).then(verified)
    given(decider, of("ES"), wrong).when(remove("12345678 a")).then(IdentifierRemoved(number=1, type=TAX_ID))
    given(decider, of("ES"), wrong).when(add("12345678A")).then_nothing()
    gone = IdentifierRemoved(number=1, type=TAX_ID)
    given(decider, of("ES"), wrong, gone).when(add("12345678A")).refused(NOT_SPANISH, "value")


def test_a_tax_id_is_found_again_after_the_country_became_known() -> None:
    before = taxed("0428.759-497", "0428.759497")
    belgian = CustomerProfileChanged(country="BE")
    given(decider, REGISTERED, before, belgian).when(remove("0428.759-497")).then(
        IdentifierRemoved(number=1, type=TAX_ID)
    )
    given(decider, REGISTERED, before, belgian).when(add("0428.759-497")).then_nothing()


@pytest.mark.parametrize(
    ("country", "value", "normal"),
    [
        ("BE", "428759497", "0428759497"),
        ("BR", "16.727.230/0001-97", "16727230000197"),
        ("GB", "GB 980 7806 84", "980780684"),
        (None, "GB 980 7806 84", "GB980780684"),
        (None, "DE136695976", "136695976"),
        (None, "es b58378431", "B58378431"),
        (None, "ab-12/34", "AB1234"),
        ("Spain", "ab-12/34", "AB1234"),
        ("..", "ab-12/34", "AB1234"),
        ("ZZ", "ab-12/34", "AB1234"),
    ],
)
def test_a_tax_id_follows_the_rules_of_its_country_if_they_are_known(
    country: str | None, value: str, normal: str
) -> None:
    assert TaxId.parse(value, country).normal == normal
    assert TaxId.parse(normal, country).normal == normal
    assert TaxId.parse(value, country).given == value


def test_a_tax_id_is_added_by_the_rules_of_the_country_of_the_customer() -> None:
    given(decider, of("BE")).when(add("428759497")).then(taxed("428759497", "0428759497"))
    given(decider, of("BE"), taxed("428759497", "0428759497")).when(add("BE 0428.759.497")).then_nothing()


def test_somebody_of_spain_is_found_by_a_tax_id_without_saying_of_which_country() -> None:
    for typed in ("ES12345678Z", "12.345.678-z", "12345678Z"):
        assert normalised(TAX_ID, typed, "ES") == "12345678Z"
    assert normalised(TAX_ID, "12345678A", "ES") == "12345678A"


def test_a_tax_id_is_not_blank() -> None:
    for country in ("ES", "PT"):
        given(decider, of(country)).when(add(" ./- ")).refused("The tax id must not be blank.", "value")


@settings(deadline=None)
@whatever(
    st.sampled_from(["ES", "FR", "DE", "IT", "BR", "MX", "CN", "IN", "IF", "EU", "", "ñ", "ZZ"]) | st.text(max_size=3),
    st.text("ESFR0123456789ABXYZ /-.²٣Ññ\0", min_size=1, max_size=14) | st.text(min_size=1),
)
def test_whatever_is_said_to_be_a_tax_id_has_one_form_unless_it_is_blank(country: str, text: str) -> None:
    if text.translate(dict.fromkeys(map(ord, "./-"))).strip():
        normal = TaxId.parse(text, country).normal
        assert normal
        assert TaxId.parse(normal, country).normal == normal

"""Random histories of what customers agree to, what they are to the company and to each other, and what comes and goes."""

from datetime import date

from hypothesis import strategies as st

from domain.call import AnswerCall, CompleteWrapUp, EndCall, IdentifyCaller, RingCall, TransferCall
from domain.consent import GrantConsent, LegalBasis, Purpose, WithdrawConsent
from domain.credit import AssessRisk, SetCreditLine
from domain.customer import ChangeAddress, ChangeCustomerProfile, RegisterCustomer
from domain.delivery import BounceKind, RecordMessageBounced
from domain.duplicate import DismissDuplicate, SuspectDuplicate
from domain.entitlement import GrantEntitlement
from domain.identifiers import AddIdentifier, IdentifierType, RemoveIdentifier, VerifyIdentifier
from domain.inbound_message import AcceptInboundMessage, RejectInboundMessage
from domain.kernel import Command, derived
from domain.lifecycle import (
    AssignAccountManager,
    AssignCustomerRole,
    ChangeLifecycleStage,
    CustomerRole,
    EndCustomerRole,
    LifecycleStage,
)
from domain.outbound_message import AcknowledgeOutboundMessage, DeadLetterOutboundMessage, QueueOutboundMessage
from domain.reconciliation import RecordReconciliation
from domain.relationship import EndRelationship, EstablishRelationship, RelationshipKind
from domain.values import Channel
from tests.projections.histories import START, codes, customers, emails, lived, merges, moments, prices, staff, texts

few_channels = st.none() | st.sampled_from([Channel.EMAIL, Channel.PHONE])
few_purposes = st.sampled_from([Purpose.MARKETING, Purpose.SURVEY])
calls = st.integers(1, 3).map(lambda n: derived("call", n))
messages = st.integers(1, 3).map(lambda n: derived("outbound", n))
scores = st.decimals(0, 1, places=2)
digests = st.sampled_from(["0" * 64, "1" * 64])
days = moments.map(lambda at: at.date())

consent: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        GrantConsent,
        customer_id=customers,
        purpose=few_purposes,
        channel=few_channels,
        legal_basis=st.sampled_from(list(LegalBasis)),
        evidence=st.none() | texts,
    ),
    st.builds(WithdrawConsent, customer_id=customers, purpose=few_purposes, channel=few_channels),
)
known: st.SearchStrategy[Command] = st.one_of(
    st.builds(RegisterCustomer, customer_id=customers, name=texts, email=st.none() | emails, country=st.none() | codes),
    st.builds(
        ChangeCustomerProfile,
        customer_id=customers,
        birth_date=st.none() | st.dates(date(1950, 1, 1), date(2000, 1, 1)),
        sector=st.none() | codes,
        size=st.none() | codes,
        territory=st.none() | codes,
    ),
    st.builds(ChangeAddress, customer_id=customers, street=codes, postal_code=codes, city=codes, country=st.just("ES")),
    st.builds(AddIdentifier, customer_id=customers, type=st.just(IdentifierType.EMAIL), value=emails),
    st.builds(VerifyIdentifier, customer_id=customers, type=st.just(IdentifierType.EMAIL), value=emails, method=codes),
    st.builds(RemoveIdentifier, customer_id=customers, type=st.just(IdentifierType.EMAIL), value=emails),
    st.builds(SuspectDuplicate, customer_id=customers, other_id=customers, score=scores, features=st.just(("A",))),
    st.builds(DismissDuplicate, customer_id=customers, other_id=customers),
    st.builds(
        RecordMessageBounced,
        message_id=codes,
        customer_id=customers,
        kind=st.sampled_from(list(BounceKind)),
    ),
)
standing: st.SearchStrategy[Command] = st.one_of(
    st.builds(AssignCustomerRole, customer_id=customers, role=st.sampled_from(list(CustomerRole)[:3])),
    st.builds(EndCustomerRole, customer_id=customers, role=st.sampled_from(list(CustomerRole)[:3])),
    st.builds(
        ChangeLifecycleStage,
        customer_id=customers,
        stage=st.sampled_from(list(LifecycleStage)),
        rule=st.none() | codes,
    ),
    st.builds(AssignAccountManager, customer_id=customers, staff_id=st.none() | staff),
    st.builds(
        AssessRisk,
        customer_id=customers,
        score=st.integers(0, 1000),
        model=codes,
        model_version=codes,
        valid_until=st.none() | moments,
    ),
    st.builds(SetCreditLine, customer_id=customers, limit=prices, currency=st.just("EUR")),
    st.builds(SetCreditLine, customer_id=customers),
    st.builds(
        EstablishRelationship,
        customer_id=customers,
        other_id=customers,
        kind=st.sampled_from(list(RelationshipKind)[:2]),
        role=st.none() | codes,
    ),
    st.builds(
        EndRelationship,
        customer_id=customers,
        other_id=customers,
        kind=st.sampled_from(list(RelationshipKind)[:2]),
    ),
    st.builds(
        GrantEntitlement,
        entitlement_id=st.integers(1, 2).map(lambda n: derived("entitlement", n)),
        customer_id=customers,
        sku=codes,
        contract=codes,
        quantity=st.integers(1, 3),
        starts_on=days,
        ends_on=st.none() | days,
        reason=st.none() | codes,
    ),
)
phoned: st.SearchStrategy[Command] = st.one_of(
    st.builds(RingCall, call_id=calls, customer_id=st.none() | customers, queue=st.none() | codes),
    st.builds(AnswerCall, call_id=calls, staff_id=staff),
    st.builds(TransferCall, call_id=calls, to_staff_id=staff),
    st.builds(EndCall, call_id=calls, talk_s=st.none() | st.integers(0, 300)),
    st.builds(CompleteWrapUp, call_id=calls, disposition=codes, acw_s=st.none() | st.integers(0, 300)),
    st.builds(IdentifyCaller, call_id=calls, customer_id=customers),
)
exchanged: st.SearchStrategy[Command] = st.one_of(
    st.builds(AcceptInboundMessage, source=codes, key=codes, digest=digests, command=st.none() | codes),
    st.builds(RejectInboundMessage, source=codes, key=codes, digest=digests, reason=texts),
    st.builds(QueueOutboundMessage, outbound_message_id=messages, target=codes, noun=codes, digest=digests),
    st.builds(AcknowledgeOutboundMessage, outbound_message_id=messages, external_ref=st.none() | codes),
    st.builds(DeadLetterOutboundMessage, outbound_message_id=messages, reason=texts, attempts=st.integers(1, 3)),
    st.builds(
        RecordReconciliation,
        reconciliation_id=st.uuids(),
        source=codes,
        noun=codes,
        matched=st.integers(0, 9),
        missing=st.integers(0, 9),
        different=st.integers(0, 9),
        as_of=moments,
    ),
)
histories = (
    lived(consent | merges)
    | lived(known | merges)
    | lived(standing | merges)
    | lived(phoned | merges)
    | lived(exchanged)
)  # fmt: skip

__all__ = ["START", "consent", "exchanged", "histories", "known", "phoned", "standing"]

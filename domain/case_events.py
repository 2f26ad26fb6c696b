"""What can have happened to a case; `domain/case.py` says what can be asked of it, and decides."""

from enum import StrEnum

from domain.kernel import Event, Told
from domain.references import ArticleId, CaseId, CustomerId, InteractionId, OrderId, StaffId, TeamId
from domain.values import Channel


class CaseType(StrEnum):
    """What kind of matter it is; a PROBLEM is what lies behind several incidents."""

    QUESTION = "QUESTION"
    INCIDENT = "INCIDENT"
    PROBLEM = "PROBLEM"
    COMPLAINT = "COMPLAINT"
    INFO_REQUEST = "INFO_REQUEST"
    RETURN = "RETURN"


class CasePriority(StrEnum):
    """How much it presses."""

    URGENT = "URGENT"
    HIGH = "HIGH"
    NORMAL = "NORMAL"
    LOW = "LOW"


# What can have happened.


class CaseOpened(Event, stored_as="case.opened.v1"):
    """Somebody asked, complained or reported something that is to be dealt with."""

    customer_id: CustomerId | None
    type: CaseType
    priority: CasePriority
    channel: Channel
    subject: Told[str]
    text: Told[str]
    product: str | None = None
    category: str | None = None
    number: str | None = None
    interaction_id: InteractionId | None = None
    order_id: OrderId | None = None
    parent_id: CaseId | None = None


class CaseCustomerIdentified(Event, stored_as="case.customer-identified.v1"):
    """It became known whose case it is; `previous` is whose it had been thought to be."""

    previous: CustomerId | None
    customer_id: CustomerId


class CaseClassified(Event, stored_as="case.classified.v1"):
    """Some of what a case is about became clear, or clearer; what did not change is empty."""

    type: CaseType | None = None
    category: str | None = None
    product: str | None = None
    seriousness: str | None = None
    parent_id: CaseId | None = None
    staff_id: StaffId | None = None


class CasePriorityChanged(Event, stored_as="case.priority-changed.v1"):
    """The case presses more, or less, than had been thought."""

    previous: CasePriority
    priority: CasePriority
    reason: Told[str]


class CaseAssigned(Event, stored_as="case.assigned.v1"):
    """The case went to a person, a team or a queue; `previous` is the person who had it before."""

    previous: StaffId | None
    staff_id: StaffId | None
    team_id: TeamId | None
    queue: str | None


class FirstResponseSent(Event, stored_as="case.first-response-sent.v1"):
    """The customer got a first response since the case was opened, or reopened."""

    interaction_id: InteractionId


class CustomerReplied(Event, stored_as="case.customer-replied.v1"):
    """The customer replied."""

    interaction_id: InteractionId
    message_ref: str | None = None


class CaseWaitingOnCustomer(Event, stored_as="case.waiting-on-customer.v1"):
    """The case began to wait for the customer; the clock of the service level stopped."""

    reason: Told[str]
    staff_id: StaffId | None = None


class CaseResumed(Event, stored_as="case.resumed.v1"):
    """The case stopped waiting; the clock of the service level went on."""

    staff_id: StaffId | None = None


class CaseEscalated(Event, stored_as="case.escalated.v1"):
    """The case was raised to level 1 (team lead), 2 (head of service) or 3 (management)."""

    level: int
    staff_id: StaffId | None
    team_id: TeamId | None
    reason: Told[str]


class ManagementNotified(Event, stored_as="case.management-notified.v1"):
    """Somebody was told of a case that was not resolved."""

    staff_id: StaffId
    level: int


class CaseResolved(Event, stored_as="case.resolved.v1"):
    """What the customer needed was done, or said."""

    resolution: Told[str]
    article_id: ArticleId | None = None
    code: str | None = None
    staff_id: StaffId | None = None


class CaseReopened(Event, stored_as="case.reopened.v1"):
    """The case was taken up again; a first response is due anew, and escalation begins anew."""

    reason: Told[str]
    staff_id: StaffId | None = None


class CaseClosed(Event, stored_as="case.closed.v1"):
    """Nothing more is done about the case."""

    reason: str
    staff_id: StaffId | None = None


Happened = (
    CaseOpened
    | CaseCustomerIdentified
    | CaseClassified
    | CasePriorityChanged
    | CaseAssigned
    | FirstResponseSent
    | CustomerReplied
    | CaseWaitingOnCustomer
    | CaseResumed
    | CaseEscalated
    | ManagementNotified
    | CaseResolved
    | CaseReopened
    | CaseClosed
)

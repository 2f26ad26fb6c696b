"""The follow-ups: the sheet of what is due, soonest first, and the ledger, latest first."""

from api.schema.customer import customer_of
from api.schema.noun import Noun
from projections.selecting import Order
from projections.touchpoints import due, follow_ups

sheet = Noun(due.view, "Due", order=(Order("due_at"),), fields=lambda lists: [customer_of(lists)])
ledger = Noun(
    follow_ups.view, "FollowUp", order=(Order("changed_at", True),), fields=lambda lists: [customer_of(lists)]
)

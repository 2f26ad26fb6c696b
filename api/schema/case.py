"""The cases, newest first, each with its customer."""

from api.schema.customer import customer_of
from api.schema.noun import Noun
from projections import cases
from projections.selecting import Order

noun = Noun(cases.view, "Case", order=(Order("opened_at", True),), fields=lambda lists: [customer_of(lists)])

"""The policies, by their names."""

from api.schema.noun import Noun
from projections.selecting import Order
from projections.touchpoints import policies

noun = Noun(policies.view, "Policy", order=(Order("policy"),))

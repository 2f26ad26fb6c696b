"""The policies, by their names, and each as it stood before."""

from api.schema.noun import Noun
from projections.selecting import Order
from projections.touchpoints import policies

noun = Noun(policies.view, "Policy", order=(Order("policy"),))
assert policies.view.versions is not None
versions = Noun(policies.view.versions, "PolicyVersion", order=(Order("policy"), Order("from_position")))

"""Random histories of members: how they come, earn, spend, climb, fall and leave."""

from decimal import Decimal

from hypothesis import strategies as st

from domain.kernel import Command, derived
from domain.loyalty_account import DowngradeTier, EnrolMember, LeaveProgramme, QualifyTier, TierBasis
from domain.points import AccruePoints, AdjustPoints, ExpirePoints, RedeemPoints
from domain.programme import DefineProgramme, LoyaltyTier, programme_id
from tests.projections.histories import customers, merges

accounts = st.integers(1, 3).map(lambda n: derived("account", n))
references = st.integers(1, 30).map(str)
tiers = st.sampled_from(["BASE", "SILVER", "GOLD"])
amounts = st.integers(1, 200).map(Decimal)


def programme(expiry_months: int | None = 6, point_cost: str | None = "0.01", silver: int = 100) -> DefineProgramme:
    """A programme of three tiers."""
    return DefineProgramme(
        programme_id=programme_id("air"),
        key="air",
        title={"en": "Air"},
        tiers=tuple(
            LoyaltyTier(key=key, label={"en": key.title()}, threshold=threshold)
            for key, threshold in (("BASE", 0), ("SILVER", silver), ("GOLD", silver * 3))
        ),
        expiry_months=expiry_months,
        point_cost=None if point_cost is None else Decimal(point_cost),
        currency=None if point_cost is None else "EUR",
    )


accruing = st.builds(
    AccruePoints, loyalty_account_id=accounts, reference=references, qualifying=amounts, redeemable=amounts
)
enrolling = st.builds(
    EnrolMember,
    loyalty_account_id=accounts,
    customer_id=customers,
    programme=st.just("air"),
    programme_version=st.just(1),
    tier=st.none() | tiers,
)
loyalty: st.SearchStrategy[Command] = st.one_of(
    accruing,
    accruing.map(lambda asked: asked),
    accruing.map(lambda asked: asked),
    enrolling,
    enrolling.map(lambda asked: asked),
    st.builds(RedeemPoints, loyalty_account_id=accounts, reference=references, points=amounts, reward=st.just("BAG")),
    st.builds(ExpirePoints, loyalty_account_id=accounts, reference=references, points=amounts),
    st.builds(
        AdjustPoints,
        loyalty_account_id=accounts,
        reference=references,
        points=st.integers(-50, 50).filter(bool).map(Decimal),
        reason=st.just("why"),
        approver=st.just(derived("staff", 1)),
    ),
    st.builds(
        QualifyTier,
        loyalty_account_id=accounts,
        tier=tiers,
        period=st.sampled_from(["2026", "2027"]),
        basis=st.sampled_from(list(TierBasis)),
    ),
    st.builds(DowngradeTier, loyalty_account_id=accounts, tier=tiers, period=st.just("2026")),
    st.builds(LeaveProgramme, loyalty_account_id=accounts),
    st.just(programme()),
    st.just(programme(expiry_months=None, silver=50)),
    merges,
)

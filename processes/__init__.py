"""What the company does by itself: policies that react to what happens, and the clock that keeps its promises."""

from processes import (
    campaign_execution.policy,

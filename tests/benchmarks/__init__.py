"""Figures, each measured side by side with what it is compared to: never tests, because machines differ."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """Our rate beside theirs, and the ratio that is promised."""

    name: str
    ours: float
    theirs: float
    unit: str
    at_least: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs

    def __str__(self) -> str:
        verdict = "as promised" if self.ratio >= self.at_least else "LESS THAN PROMISED"
        return (
            f"{self.name}: {self.ours:,.0f} / {self.theirs:,.0f} {self.unit} "
            f"= {self.ratio:.2f} (at least {self.at_least:g}: {verdict})"
        )

"""What the company knows about its customers, and the rules by which it comes to know more."""

from domain import consent, customer, follow_up, interaction, invitation, order, product, survey

DECIDERS = (
    customer.decider,
    consent.decider,
    interaction.decider,
    product.decider,
    order.decider,
    survey.decider,
    invitation.decider,
    follow_up.decider,
)
"""Every noun. To add one: write its file, and its name here."""

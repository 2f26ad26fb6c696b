"""The words of the demo: what the roaster sells, and what people say to it in Spanish and in English."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import NamedTuple

from domain.interaction import Direction, Sentiment
from domain.values import Channel

TERRITORIES = {
    "es": ("Norte", "Centro", "Levante", "Sur"),
    "en": ("England North", "England South", "Scotland", "Wales"),
}

BLENDS = (
    "Huila", "Sidamo", "Yirgacheffe", "Antigua", "Tarrazú", "Santos", "Mandheling", "Decaf Sugarcane",
    "House Espresso", "Breakfast Blend", "Kenya AA", "Jamaica Blend",
)  # fmt: skip
SIZES = ((250, Decimal(1)), (1000, Decimal("3.5")))
GOODS = (
    ("Hand grinder", "equipment", "64.00"),
    ("Electric grinder", "equipment", "189.00"),
    ("Moka pot, 3 cups", "equipment", "29.90"),
    ("Moka pot, 6 cups", "equipment", "38.90"),
    ("Pour-over cone", "equipment", "18.50"),
    ("Gooseneck kettle", "equipment", "79.00"),
    ("Espresso machine", "equipment", "649.00"),
    ("Milk pitcher", "equipment", "14.90"),
    ("Scale, 0.1 g", "equipment", "34.00"),
    ("Paper filters, 100", "supplies", "5.90"),
    ("Descaler", "supplies", "8.50"),
    ("Cleaning brush", "supplies", "6.20"),
    ("Earl Grey, 100 g", "tea", "7.40"),
    ("Sencha, 100 g", "tea", "9.80"),
    ("Rooibos, 100 g", "tea", "6.90"),
    ("Tasting box", "gifts", "24.90"),
)


@dataclass(frozen=True, slots=True)
class Product:
    """What the company sells, and at what price in euros."""

    sku: str
    name: str
    category: str
    price: Decimal


def products(chance: Random) -> Iterator[Product]:
    """Everything there is to buy."""
    for n, blend in enumerate(BLENDS, 1):
        for grams, factor in SIZES:
            price = (Decimal(chance.randint(70, 120)) / 10 * factor).quantize(Decimal("0.05"))
            yield Product(f"C{n:02}-{grams}", f"{blend} {grams} g", "coffee", price)
    for n, (name, category, fixed) in enumerate(GOODS, 1):
        yield Product(f"G{n:02}", name, category, Decimal(fixed))


REASONS = {
    "es": ("Pedido por error.", "Llegó dañado.", "Ya no lo necesito.", "No era la molienda que pedí."),
    "en": ("Ordered by mistake.", "It arrived damaged.", "No longer needed.", "Not the grind I asked for."),
}

NOTES: tuple[tuple[Channel, Direction, str, Mapping[str, str]], ...] = (
    (Channel.PHONE, Direction.IN, "opening-hours", {"es": "Pregunta por el horario", "en": "Asks about opening hours"}),
    (Channel.PHONE, Direction.OUT, "offer", {"es": "Oferta de suscripción", "en": "Offer of a subscription"}),
    (Channel.COUNTER, Direction.IN, "advice", {"es": "Pide consejo sobre molinos", "en": "Wants advice on grinders"}),
    (Channel.VISIT, Direction.OUT, "tasting", {"es": "Visita con cata", "en": "Visit with a tasting"}),
    (Channel.SMS, Direction.OUT, "pickup", {"es": "Aviso de recogida", "en": "Ready for collection"}),
    (Channel.LETTER, Direction.IN, "praise", {"es": "Carta de agradecimiento", "en": "A letter of thanks"}),
    (Channel.EVENT, Direction.IN, "fair", {"es": "Conversación en la feria", "en": "Talked at the fair"}),
    (Channel.WEB, Direction.IN, "brochure", {"es": "Descarga del catálogo", "en": "Downloaded the catalogue"}),
    (Channel.MOBILE, Direction.IN, "stock", {"es": "Consulta de existencias", "en": "Checked what is in stock"}),
    (Channel.FAX, Direction.IN, "order-form", {"es": "Formulario de pedido", "en": "Order form"}),
    (Channel.PARTNER, Direction.IN, "referral", {"es": "Recomendado por un socio", "en": "Referred by a partner"}),
    (Channel.EMAIL, Direction.OUT, "newsletter", {"es": "Boletín del mes", "en": "Newsletter of the month"}),
)


class Conversation(NamedTuple):
    """What is said to and fro, by language: who wrote, and what."""

    topic: str
    sentiment: Sentiment
    about_order: bool
    messages: Mapping[str, tuple[tuple[Direction, str], ...]]


CONVERSATIONS = (
    Conversation("delivery", Sentiment.NEUTRAL, True, {
        "es": ((Direction.IN, "¿Cuándo llega mi pedido?"), (Direction.OUT, "Salió ayer; llega mañana.")),
        "en": ((Direction.IN, "When will my order arrive?"), (Direction.OUT, "It left yesterday.")),
    }),
    Conversation("complaint", Sentiment.NEGATIVE, True, {
        "es": (
            (Direction.IN, "El paquete llegó abierto."), (Direction.OUT, "Lo sentimos. Le enviamos otro hoy mismo."),
            (Direction.IN, "De acuerdo, gracias."),
        ),
        "en": (
            (Direction.IN, "The parcel was open when it came."), (Direction.OUT, "We are sorry. Another leaves today."),
            (Direction.IN, "All right, thank you."),
        ),
    }),
    Conversation("praise", Sentiment.POSITIVE, True, {
        "es": ((Direction.IN, "El mejor café en años."), (Direction.OUT, "¡Qué alegría! Gracias.")),
        "en": ((Direction.IN, "The best coffee in years."), (Direction.OUT, "How good to hear. Thank you!")),
    }),
    Conversation("brewing", Sentiment.POSITIVE, False, {
        "es": ((Direction.IN, "¿Qué molienda para la italiana?"), (Direction.OUT, "Fina, pero no de espresso.")),
        "en": ((Direction.IN, "Which grind for a moka pot?"), (Direction.OUT, "Fine, but coarser than espresso.")),
    }),
    Conversation("wholesale", Sentiment.NEUTRAL, False, {
        "es": ((Direction.IN, "¿Hay precios para hostelería?"), (Direction.OUT, "Sí, le enviamos la tarifa.")),
        "en": ((Direction.IN, "Do you have trade prices?"), (Direction.OUT, "We do; the price list is on its way.")),
    }),
    Conversation("invoice", Sentiment.NEGATIVE, False, {
        "es": ((Direction.IN, "La factura no lleva el NIF."), (Direction.OUT, "Corregida y enviada de nuevo.")),
        "en": ((Direction.IN, "The invoice lacks the VAT number."), (Direction.OUT, "Corrected and sent again.")),
    }),
)  # fmt: skip

COMMENTS: Mapping[str, Mapping[int, tuple[str, ...]]] = {
    "es": {
        1: ("Llegó tarde y roto.", "Nadie contestó a mis correos."),
        2: ("Tardó demasiado.", "El café estaba seco."),
        3: ("Correcto, sin más.", "Bien, pero caro."),
        4: ("Muy bueno, repetiré.", "Buen café, envío algo lento."),
        5: ("¡Excelente! Gracias por la nota a mano.", "El mejor tostador que conozco."),
    },
    "en": {
        1: ("Late and broken.", "Nobody answered my messages."),
        2: ("It took too long.", "The beans were stale."),
        3: ("Fine, nothing special.", "Good, but dear."),
        4: ("Very good, I will order again.", "Good coffee, slow post."),
        5: ("Excellent! Loved the handwritten note.", "The best roaster I know."),
    },
}

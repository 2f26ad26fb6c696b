"""The settings: what may be set, what it means, and what it is if nothing is said. The only reader of the environment."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from api.cloud_events import MAX_EVENTS
from eventstore.commands import SOURCE
from processes.mailboxes import mailbox_of
from processes.webhooks import Target, key_of

SECRETS = frozenset({"dsn", "keys_dsn", "views_dsn", "smtp_url", "inbox", "webhooks", "webhook_senders"})
"""The settings that hold passwords: what they are is not shown."""
JSON_SETTINGS = ("webhooks", "webhook_senders")
EVENTS_PER_MINUTE = 600
MAX_EVENTS_PER_MINUTE = 60_000


def complaints(error: ValidationError | SettingsError) -> Iterator[str]:
    """What is wrong with each setting that cannot be, in a sentence that shows no secret."""
    if isinstance(error, SettingsError):
        name = next((name for name in JSON_SETTINGS if f'"{name}"' in str(error)), JSON_SETTINGS[0])
        yield f"The setting BITACORA_{name.upper()} cannot be that: it is no JSON."
        return
    for found in error.errors():
        name = str(found["loc"][0]) if found["loc"] else ""
        told = "that" if name in SECRETS else repr(found["input"])
        yield f"The setting BITACORA_{name.upper()} cannot be {told}: {found['msg'].removeprefix('Value error, ').rstrip('.')}."


class Webhook(BaseModel):
    """Where another system takes messages, and the secret that they are signed by; two, between blanks, while it changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    secret: SecretStr

    @property
    def target(self) -> Target:
        """The same, ready to send to."""
        return Target.of(self.url, self.secret.get_secret_value())

    @model_validator(mode="after")
    def can_be(self) -> "Webhook":
        """Refused if the address or the secret cannot be."""
        self.target  # noqa: B018  # made to see whether it can be
        return self


class Sender(BaseModel):
    """A system that tells us something: the secret that it signs by (two, between blanks, while it changes), and what.

    `commands` are those that it may give: their names, which are then the types of its events, or each type of its events
    with the name of the command that it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret: SecretStr
    commands: tuple[str, ...] | dict[str, str] = Field(min_length=1)
    per_minute: int = Field(default=EVENTS_PER_MINUTE, ge=MAX_EVENTS, le=MAX_EVENTS_PER_MINUTE)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys of which one at least has to sign."""
        return tuple(key_of(secret) for secret in self.secret.get_secret_value().split())

    @property
    def by_type(self) -> Mapping[str, str]:
        """The command that each type of event is."""
        return self.commands if isinstance(self.commands, dict) else {name: name for name in self.commands}

    @model_validator(mode="after")
    def can_be(self) -> "Sender":
        """Refused if no message could be proved."""
        if not self.keys:
            raise ValueError("A system that tells us something needs a secret.")
        return self


class Settings(BaseSettings):
    """Every setting, from the environment with the prefix `BITACORA_`."""

    model_config = SettingsConfigDict(env_prefix="BITACORA_", env_file=None, extra="ignore", frozen=True)

    home: Path = Field(
        default=Path(".bitacora"), description="Where data lives: the embedded PostgreSQL, keys, the maildir."
    )
    dsn: str | None = Field(
        default=None, description="A PostgreSQL of yours; without it an embedded one is started in the home."
    )
    keys_dsn: str | None = Field(default=None, description="Another database for the keys of personal values.")
    views_dsn: str | None = Field(default=None, description="Another database for the views.")
    append_mode: Literal["early", "locked"] = Field(
        default="early", description="How appends commit: early lock release, or locked."
    )
    host: str = Field(
        default="127.0.0.1", description="Where to listen. There is no authentication yet: keep it on loopback."
    )
    port: int = Field(default=8000, ge=1, le=65535, description="The port to listen on.")
    base_url: str | None = Field(default=None, description="How customers reach this server, for links in mails.")
    company: str = Field(default="Bitácora", max_length=100, description="The company's name in mails and forms.")
    mail_from: str = Field(default="crm@localhost", description="The sender of mails.")
    smtp_url: str | None = Field(
        default=None, description="smtp://user:password@host:port; without it mails go to a maildir in the home."
    )
    inbox: str | None = Field(
        default=None, description="Where mail comes in: imaps://user:password@host:port/mailbox, or a maildir."
    )
    own_addresses: str = Field(
        default="", description="The company's domains and addresses, between commas; the sender is one of them anyway."
    )
    webhooks: dict[str, Webhook] = Field(
        default={}, description='Systems that are told: {"erp": {"url": "https://...", "secret": "whsec_..."}}'
    )
    webhook_senders: dict[str, Sender] = Field(
        default={}, description='Systems that tell us: {"shop": {"secret": "whsec_...", "commands": ["placeOrder"]}}'
    )
    pool_size: int = Field(default=16, ge=2, le=100, description="Database connections that one process may hold.")

    @field_validator("inbox")
    @classmethod
    def can_be_read(cls, place: str | None) -> str | None:
        """Refused if it is a URL that cannot be that of a mailbox."""
        if place is not None and "://" in place:
            mailbox_of(place)
        return place

    @field_validator("webhook_senders")
    @classmethod
    def can_be_named(cls, senders: dict[str, Sender]) -> dict[str, Sender]:
        """Refused if a system has a name that ids could not begin with."""
        for name in senders:
            if SOURCE.fullmatch(name) is None:
                raise ValueError("Name a system by up to 64 small letters, digits, and the signs _ . - as in shop.")
        return senders

    @property
    def public_url(self) -> str:
        """The address that links in mails begin with."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def key_file(self) -> Path:
        """The key-encryption key. Back it up apart from the database: without it personal values are unreadable."""
        return self.home / "keys" / "kek-1"

    @property
    def mail_folder(self) -> Path:
        """The maildir that mails go to when no SMTP server is set."""
        return self.home / "mail"

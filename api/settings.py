"""The settings: what may be set, what it means, and what it is if nothing is said. The only reader of the environment."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from api.cloud_events import MAX_EVENTS
from eventstore.commands import SOURCE
from eventstore.sealing.anchors import must_be_url
from eventstore.sealing.notes import COSIGNATURE, KEY_BYTES, NoteError, VerifierKey
from processes.letters import Unwritable, address
from processes.mailboxes import mailbox_of
from processes.webhooks import Target, key_of

SECRETS = frozenset(
    {"dsn", "keys_dsn", "views_dsn", "smtp_url", "inbox", "webhooks", "webhook_senders", "keys_options"}
)
"""The settings that hold passwords: what they are is not shown."""
EVENTS_PER_MINUTE = 600
MAX_EVENTS_PER_MINUTE = 60_000


def complaints(error: ValidationError | SettingsError) -> Iterator[str]:
    """What is wrong with each setting that cannot be, in a sentence that shows no secret."""
    if isinstance(error, SettingsError):
        name = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "webhooks")
        yield f"The setting BITACORA_{name.upper()} cannot be that: it is no JSON."
        return
    for found in error.errors():
        if not found["loc"]:
            yield f"The settings cannot be so: {found['msg'].removeprefix('Value error, ').rstrip('.')}."
            continue
        name = str(found["loc"][0])
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
    keys_provider: str = Field(
        default="file", description="Who keeps the key-encryption keys: file, vault, or module:attribute of your own."
    )
    keys_options: dict[str, str] = Field(default={}, description="What a provider of your own is called with, as JSON.")
    keys_rotation: Literal["monthly", "by-hand"] = Field(
        default="monthly", description="Whether bitacora work begins an epoch each month, or only bitacora keys rotate."
    )
    keys_retention_days: int = Field(
        default=30, ge=0, le=3650, description="For how many days backups of the keys' database are kept."
    )
    corrected_values: Literal["block", "keep"] = Field(
        default="block",
        description="Whether a personal value is blocked once it was corrected and the officer has a key.",
    )
    retention: Literal["off", "tell", "destroy"] = Field(
        default="tell",
        description="What bitacora work does each night about what is older than its law allows: nothing, a task for the "
        "data protection officer, or destroy it for good.",
    )
    vault_address: str | None = Field(default=None, description="https://host:port of a Vault, for the provider vault.")
    vault_token_file: Path | None = Field(default=None, description="The file that holds the token for it.")
    vault_mount: str = Field(default="transit", description="Where its transit engine is mounted.")
    vault_ca: Path | None = Field(default=None, description="The file of its certificate authority, if it has its own.")
    views_dsn: str | None = Field(default=None, description="Another database for the views.")
    append_mode: Literal["early", "locked"] = Field(
        default="early", description="How appends commit: early lock release, or locked."
    )
    host: str = Field(
        default="127.0.0.1", description="Where to listen. There is no authentication yet: keep it on loopback."
    )
    port: int = Field(default=8000, ge=1, le=65535, description="The port to listen on.")
    actor_header: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9-]{1,50}$",
        description="The header in which a proxy that authenticates says who asks, such as X-Remote-User. "
        "It must drop what clients send under that name.",
    )
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
    sealing_key: Path | None = Field(
        default=None, description="The file with the keys that sign tree heads; without it one is made in the home."
    )
    sealing_program: str | None = Field(
        default=None, description="A program that signs instead: it reads from stdin and prints 64 bytes of Ed25519."
    )
    sealing_public_key: str | None = Field(
        default=None, description="The public key of the program that signs: 32 bytes in base64."
    )
    checkpoints: Path | None = Field(
        default=None, description="The append-only file of signed tree heads; without it one is kept in the home."
    )
    auditor: str | None = Field(default=None, description="Who gets the newest tree head by mail, once a day.")
    time_stamping: str | None = Field(
        default=None, description="The URL of a time stamping authority (RFC 3161), asked once a day."
    )
    time_stamping_roots: Path | None = Field(
        default=None, description="The certificates (PEM) that time stamps are verified up to."
    )
    witnesses: dict[str, str] = Field(
        default={},
        description='Witnesses of the log (C2SP) by public key: {"witness.example+1a2b3c4d+B...": "https://..."}',
    )
    webhook_senders: dict[str, Sender] = Field(
        default={}, description='Systems that tell us: {"shop": {"secret": "whsec_...", "commands": ["placeOrder"]}}'
    )
    pool_size: int = Field(default=16, ge=2, le=100, description="Database connections that one process may hold.")

    @field_validator("keys_provider")
    @classmethod
    def can_be_found(cls, name: str) -> str:
        """Refused unless it is file, vault or the path of an attribute."""
        module, colon, attribute = name.partition(":")
        if name not in ("file", "vault") and not (module and colon and attribute.isidentifier()):
            raise ValueError("Set it to file, vault, or module:attribute")
        return name

    @field_validator("inbox")
    @classmethod
    def can_be_read(cls, place: str | None) -> str | None:
        """Refused if it is a URL that cannot be that of a mailbox."""
        if place is not None and "://" in place:
            mailbox_of(place)
        return place

    @field_validator("auditor")
    @classmethod
    def can_be_written_to(cls, to: str | None) -> str | None:
        """Refused if no mail can be sent to it."""
        if to is not None:
            try:
                address(to, "")
            except Unwritable as error:
                raise ValueError(str(error)) from error
        return to

    @field_validator("time_stamping")
    @classmethod
    def can_be_asked(cls, url: str | None) -> str | None:
        """Refused if it is no URL."""
        return None if url is None else must_be_url(url, plain=True)

    @field_validator("witnesses")
    @classmethod
    def can_witness(cls, witnesses: dict[str, str]) -> dict[str, str]:
        """Refused unless each has a public key of a witness and a URL."""
        for vkey, url in witnesses.items():
            try:
                key = VerifierKey.parse(vkey)
            except NoteError as error:
                raise ValueError(f"{error} It is the public key of a witness, as its operator prints it") from error
            if key.kind != COSIGNATURE:
                raise ValueError(f"the key of {key.name} is that of a log, not of a witness (type 4)")
            must_be_url(url)
        return witnesses

    @model_validator(mode="after")
    def signs_by_one_means(self) -> "Settings":
        """Refused if a program is to sign and its public key is not known."""
        if (self.sealing_program is None) != (self.sealing_public_key is None):
            raise ValueError("BITACORA_SEALING_PROGRAM and BITACORA_SEALING_PUBLIC_KEY are set together, or neither")
        if self.sealing_public_key is not None and self.sealing_public is None:
            raise ValueError("BITACORA_SEALING_PUBLIC_KEY is 32 bytes in base64")
        return self

    @property
    def sealing_public(self) -> bytes | None:
        """The bytes of the public key of the program that signs."""
        try:
            public = base64.b64decode(self.sealing_public_key or "", validate=True)
        except ValueError:
            return None
        return public if len(public) == KEY_BYTES else None

    @property
    def sealing_folder(self) -> Path:
        """What the sealer knows by itself. It belongs into the backup, apart from that of the database."""
        return self.home / "sealing"

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
    def key_folder(self) -> Path:
        """The key-encryption keys. Back them up apart from the database: without them personal values are unreadable."""
        return self.home / "keys"

    @property
    def key_file(self) -> Path:
        """The one of the first epoch, where they are files."""
        return self.key_folder / "kek-1"

    @property
    def mail_folder(self) -> Path:
        """The maildir that mails go to when no SMTP server is set."""
        return self.home / "mail"

"""The settings: what may be set, what it means, and what it is if nothing is said. The only reader of the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    pool_size: int = Field(default=16, ge=2, le=100, description="Database connections that one process may hold.")

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

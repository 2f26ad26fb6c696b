"""Keepers: which provider of key-encryption keys the settings name, and how another one is plugged in."""

from importlib import import_module

from api.settings import Settings
from domain.kernel import Refused
from eventstore.custody.providers import FILE, Files, Provider, Providers
from eventstore.custody.vault import Vault

VAULT = "vault"


def providers(settings: Settings) -> Providers:
    """The provider of new epochs and those that older ones may need. Raises `Refused` in a sentence about the setting."""
    known: list[Provider] = [Files(settings.key_folder)]
    if settings.vault_address is not None:
        known.append(vault(settings))
    name = settings.keys_provider
    if name == FILE:
        return Providers(known[0], known)
    if name == VAULT:
        return Providers(vault(settings), known)
    return Providers(_plugged(name, settings.keys_options), known)


def vault(settings: Settings) -> Vault:
    """The Vault that the settings name."""
    if settings.vault_address is None or settings.vault_token_file is None:
        raise Refused("Vault needs BITACORA_VAULT_ADDRESS and BITACORA_VAULT_TOKEN_FILE.", "vault_address")
    return Vault(settings.vault_address, settings.vault_token_file, mount=settings.vault_mount, ca=settings.vault_ca)


def _plugged(path: str, options: dict[str, str]) -> Provider:
    """Somebody else's provider, from `module:attribute`: called with the options, it gives a `Provider`."""
    module, _, attribute = path.partition(":")
    try:
        made = getattr(import_module(module), attribute)(**options)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise Refused(f"BITACORA_KEYS_PROVIDER={path} cannot be made: {error}.", "keys_provider") from error
    if not isinstance(made, Provider):
        raise Refused(
            f"BITACORA_KEYS_PROVIDER={path} is no provider: it needs name, make, wrap, unwrap and destroy.",
            "keys_provider",
        )
    return made

"""The only reader of the environment: one frozen `Config`, from `ECRM_*` variables over an optional TOML file."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ecrm_privacy.errors import StartRefused

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LOOPBACK_HOSTS = {name.strip("[]") for name in LOOPBACK}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one service. Every field can be set as `ECRM_<FIELD>` or as a key of the file in `ECRM_CONFIG`."""

    data_dir: Path = Path("data")
    """Where the key file, the embedded database and the site keys live."""
    database_url: str | None = None
    """PostgreSQL 15 or later; without it the embedded server in `data_dir`."""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    gate_process: bool | None = None
    """Whether keys, the house's role and its calls live in a process of their own, apart from those that render.

    Unless it is said, `ecrm run` has one and `ecrm demo` has none.
    """
    base_url: str | None = None
    """The service's own origin as browsers see it, e.g. `https://privacy.shop.example`; default: host and port."""
    policies: Path | None = None
    """A folder of policy documents; default: the shipped bundle."""
    words: Path | None = None
    """A folder of further languages, `web/pt.toml` and `personalization/pt.toml`; default: the shipped ones alone."""
    plugins: tuple[str, ...] = ("personalization.plugin",)
    log_origin: str = "localhost/ecrm"
    """Name of the ledger in checkpoints: a URL without scheme."""
    site_origins: dict[str, list[str]] = {}
    """Further origins per site, beside those in the site's policy document."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose forwarded headers are believed, e.g. `10.0.0.0/8`."""
    region_header: str | None = None
    """Header in which a trusted proxy names the visitor's region, e.g. `cf-ipcountry`."""
    region_file: Path | None = None
    """A MaxMind database (.mmdb) that gives the region of a network address; needs the extra `region`."""
    yes_per_minute_subject: int = 60
    yes_per_minute_address: int = 600
    """Rates of a yes; 0 is off. A no has none."""
    k_people: int = 20
    """Nothing derived from several people is shown about fewer than this many."""
    checkpoint_period_s: float = 60.0
    """How often the public checkpoint moves."""
    witness_policy: Path | None = None
    """A policy file (C2SP tlog-policy) that names the witnesses of the log; default: none is asked."""
    key_epoch_days: int = 30
    """How old an epoch of keys becomes before `ecrm keys status` says that a new one is due."""
    key_backup_days: int = 30
    """How long a backup of the database is kept: so long after it was emptied an epoch of keys is not destroyed."""
    rewrite_hour: int = 3
    """After this hour (UTC), once a day, tables from which somebody was erased are written anew."""
    rewrite_days: int = 1
    """So many days lie between two times at least."""
    smtp_host: str | None = None
    """The mail server that takes our messages, signs (DKIM) and delivers them; without it no mail is sent."""
    smtp_port: int = 587
    smtp_security: str = "starttls"
    """`starttls`, `tls` (from the first byte, port 465), or `none` to a server on this machine."""
    smtp_from: str | None = None
    """From which address mail comes, e.g. `Hollin & Reed <news@shop.example>`; default: the first site's contact."""
    smtp_user: str | None = None
    smtp_password_file: Path | None = None
    smtp_ca_file: Path | None = None
    """Certificates by which the mail server is known, if not the system's."""
    sms_url: str | None = None
    """Where an SMS provider takes messages (delivery/sms.py says in which form); without it no SMS is sent."""
    sms_secret_file: Path | None = None
    """The secret that signs what goes to the SMS provider and what comes from it."""
    push_services: tuple[str, ...] = ()
    """Push services beside those of the browsers, as whole origins."""
    pool_size: int = 4
    demo: bool = False
    """The demo's storefront, where anybody signs in as any of its customers: on loopback alone."""

    def __post_init__(self) -> None:
        """Raise StartRefused for a demo that others could reach: then there is no such configuration at all."""
        hosts = {self.host.strip("[]"), urlsplit(self.base_url or "//localhost").hostname}
        if self.demo and not hosts <= _LOOPBACK_HOSTS:
            raise StartRefused(
                "ECRM_DEMO lets anybody sign in as any customer, so it serves this machine alone: unset ECRM_DEMO, or"
                " leave ECRM_HOST and ECRM_BASE_URL unset (or on 127.0.0.1)"
            )

    @property
    def origin(self) -> str:
        """The service's own origin, without a trailing slash."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def own_origins(self) -> frozenset[str]:
        """Every name under which a browser may see the service: on loopback, all of the machine's names for itself."""
        if self.base_url is not None or self.host not in LOOPBACK:
            return frozenset({self.origin})
        return frozenset(f"http://{name}:{self.port}" for name in LOOPBACK)

    @property
    def is_https(self) -> bool:
        """True where browsers reach the service over https; cookies are `Secure` there."""
        return self.origin.startswith("https://")

    @property
    def key_file(self) -> Path:
        """Where the root key lives; never in the database and never in its backups."""
        return self.data_dir / "keys" / "ecrm.key"


def read_config(environment: Mapping[str, str] = os.environ, **overrides: Any) -> Config:
    """Read `Config` from `environment` (and the TOML file it names as ECRM_CONFIG); `overrides` that are not None win.

    Raises StartRefused naming the setting that is wrong.
    """
    settings: dict[str, Any] = {}
    if path := environment.get("ECRM_CONFIG"):
        try:
            settings.update(tomllib.loads(Path(path).read_text()))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise StartRefused(f"ECRM_CONFIG: {path} cannot be read as TOML ({type(error).__name__}).") from error
    for field in msgspec.structs.fields(Config):
        if (value := environment.get(f"ECRM_{field.name.upper()}")) is not None:
            settings[field.name] = (
                [part for part in value.split(",") if part]
                if field.name in {"plugins", "trusted_proxies", "push_services"}
                else value
            )
    settings.update({name: value for name, value in overrides.items() if value is not None})
    try:
        if isinstance(settings.get("site_origins"), str):
            settings["site_origins"] = msgspec.json.decode(settings["site_origins"])
        return msgspec.convert(settings, Config, strict=False, dec_hook=_path)
    except msgspec.DecodeError as error:
        raise StartRefused(f"Configuration: {error}. See docs/reference/configuration.md.") from error


def _path(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError

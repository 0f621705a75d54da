"""How buckets are reached, as the environment and the usual files say it; nothing of it is kept or shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ParserError
from dataclasses import dataclass
from pathlib import Path

from barhouse.store.errors import InputError

#: How often a request is made before a place counts as away; the wait doubles from a tenth of a second.
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """The server, and who asks it.

    Attributes
    ----------
    endpoint
        Where the server is; None for that of AWS.
    key_id, secret, token
        Who asks; None where the machine's role says so, or nobody is to be named.
    unsigned
        Whether nobody is named at all, as public buckets allow.
    attempts
        How often a request is made.
    """

    endpoint: str | None
    region: str | None
    key_id: str | None
    secret: str | None
    token: str | None
    unsigned: bool
    attempts: int

    @classmethod
    def found(cls, environment: Mapping[str, str] = os.environ) -> Access:
        """Read what is said by the names that other programs know, too.

        Raises
        ------
        InputError
            When half of it is missing, or what is said cannot be used.
        """
        profile = _profile(environment)

        def said(*names: str) -> str | None:
            return next((environment[name] for name in names if environment.get(name)), None)

        key_id, secret, token = said("AWS_ACCESS_KEY_ID"), said("AWS_SECRET_ACCESS_KEY"), said("AWS_SESSION_TOKEN")
        if key_id is None and secret is None:
            key_id, secret, token = (
                profile.get(name) for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
            )
        if (key_id is None) != (secret is None):
            raise InputError("of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY one is missing; set both, or neither")
        endpoint = said("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT") or profile.get("endpoint_url")
        if endpoint is not None and not endpoint.startswith(("http://", "https://")):
            raise InputError("AWS_ENDPOINT_URL is no address of a server; say http://HOST:PORT or https://HOST")
        return cls(
            endpoint,
            said("AWS_REGION", "AWS_DEFAULT_REGION") or profile.get("region"),
            key_id,
            secret,
            token,
            (said("AWS_SKIP_SIGNATURE") or "").lower() in ("1", "true"),
            _attempts(said("AWS_MAX_ATTEMPTS")),
        )


def _attempts(said: str | None) -> int:
    if said is None:
        return _ATTEMPTS
    if not said.isdecimal() or not 1 <= int(said) <= 100:
        raise InputError(f"AWS_MAX_ATTEMPTS is {said!r}; a number from 1 to 100 is allowed")
    return int(said)


def _profile(environment: Mapping[str, str]) -> dict[str, str]:
    """What the files say of the profile chosen, or of the default one."""
    name = environment.get("AWS_PROFILE") or "default"
    home = Path(environment.get("HOME") or Path.home()) / ".aws"
    credentials = Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials").expanduser()
    config = Path(environment.get("AWS_CONFIG_FILE") or home / "config").expanduser()
    found: dict[str, str] = {}
    for file, section in ((config, name if name == "default" else f"profile {name}"), (credentials, name)):
        parser = ConfigParser(interpolation=None, default_section="")
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, ParserError):  # what it says of the file's lines may be the secret itself
            raise InputError(f"{file} cannot be read as a file of profiles ([{section}], then name = value)") from None
        if parser.has_section(section):
            found |= dict(parser.items(section))
    if not found and environment.get("AWS_PROFILE"):
        raise InputError(f"there is no profile {name} in {credentials} or {config}; AWS_PROFILE names it")
    return found

"""Where a server may listen: on the machine itself as it is, for others only with tokens and encrypted."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from barhouse.store.errors import InputError
from barhouse.store.hints import Option
from barhouse.store.serving.gate import is_loopback


@dataclass(frozen=True, slots=True)
class Exposure:
    """Who reaches a server, and how.

    Attributes
    ----------
    tokens
        The file of tokens; None where anybody may ask.
    tls_cert, tls_key
        The files of the certificate, with those between it and its root, and of its key; None without.
    behind_proxy
        Whether a proxy stands before it that encrypts.
    """

    tokens: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers reach it by https."""
        return self.tls_cert is not None or self.behind_proxy

    def check(self, host: str) -> None:
        """Refuse to listen where others could ask without a token, or read along.

        Raises
        ------
        InputError
            Naming the option that is missing.
        """
        if (self.tls_cert is None) is not (self.tls_key is None):
            given, missing = ("tls_cert", "tls_key") if self.tls_key is None else ("tls_key", "tls_cert")
            raise InputError(f"{Option(given)} needs {Option(missing)}; give both, or neither")
        if not is_loopback(host):
            if self.tokens is None:
                raise InputError(
                    f"at {host} other machines reach it, so it needs {Option('tokens')}; make a file of them with "
                    f"`barhouse token add`, or listen at 127.0.0.1"
                )
            if not self.is_encrypted:
                raise InputError(
                    f"at {host} other machines reach it, so it needs {Option('tls_cert')} and {Option('tls_key')}, or "
                    f"{Option('behind_proxy')} where a proxy encrypts; or listen at 127.0.0.1"
                )
        if self.tls_cert is not None and self.tls_key is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.tls_cert, self.tls_key)
            except OSError as error:  # also what is no certificate
                raise InputError(
                    f"{self.tls_cert} and {self.tls_key} are no certificate and its key: {error}; give both in PEM"
                ) from error

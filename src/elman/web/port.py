"""A port to listen on, and the name of the address that leads there."""

from __future__ import annotations

import errno
import socket

from elman._errors import ConfigError

_TAKEN = (errno.EADDRINUSE, errno.EACCES)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYWHERE = ("0.0.0.0", "::", "")


def listen(host: str, port: int, *, tries: int = 1) -> tuple[socket.socket, int]:
    """A socket that listens, and its port: the one wished for, or the first free one of the `tries` from there.

    Raises:
        ConfigError: a host that is not this machine's, or no free port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in range(port, port + tries) if port else (0,):
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, number))
            taken.listen(128)
        except (OSError, OverflowError) as error:
            taken.close()
            if not isinstance(error, OSError) or error.errno not in _TAKEN:
                raise ConfigError(f"--host {host}, --port {number}: cannot be listened on ({error})") from None
            continue
        taken.set_inheritable(False)
        return taken, taken.getsockname()[1]
    after = f" and the {tries - 1} after it are" if tries > 1 else " is"
    raise ConfigError(f"--port {port}: this port{after} taken; name another")


def is_loopback(host: str) -> bool:
    """True for the address that only this machine reaches."""
    return host in _LOOPBACK


def is_everywhere(host: str) -> bool:
    """True for the address that stands for all of this machine's."""
    return host in _EVERYWHERE


def shown_host(host: str) -> str:
    """The host as it stands in an address that others can open.

    >>> shown_host("127.0.0.1"), shown_host("2001:db8::1")
    ('127.0.0.1', '[2001:db8::1]')
    """
    return socket.gethostname().lower() if is_everywhere(host) else f"[{host}]" if ":" in host else host

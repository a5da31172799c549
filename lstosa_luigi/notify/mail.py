"""An event as a mail, and its way to the server."""

from __future__ import annotations

__all__ = ["message_of", "send"]

import os
from collections.abc import Mapping
from email.header import Header
from email.mime.text import MIMEText
from email.utils import formatdate, make_msgid
from pathlib import Path

from lstosa_luigi.errors import ConfigError
from lstosa_luigi.notify.events import Event
from lstosa_luigi.sections import notify

PASSWORD = "LSTOSA_SMTP_PASSWORD"
"""Environment variable with the password, if no file has it."""


def message_of(event: Event, sender: str, recipients: str) -> MIMEText:
    """Return an event as a mail (RFC 5322), whatever letters a source is written with."""
    # EmailMessage loses blanks of a subject that it has to encode
    message = MIMEText(event.message, "plain", "utf-8")
    letters = "us-ascii" if event.subject.isascii() else "utf-8"
    message["Subject"] = Header(event.subject, letters).encode()
    message["From"] = sender
    message["To"] = recipients
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip("> ") or None)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday reply, please
    message["X-Lstosa-Event"] = event.kind.value
    return message


def send(event: Event, options: notify) -> list[str]:
    """Give an event to the mail server.

    Returns
    -------
    list of str
        Recipients that the server refused, with its reason; the others get it.

    Raises
    ------
    OSError
        If it cannot be sent: no server, or it refuses everybody. Errors of smtplib are such.
    ConfigError
        If the password cannot be read.
    """
    import smtplib
    import ssl

    message = message_of(event, str(options.sender), str(options.recipients))
    password = _password(options) if options.smtp_user else ""
    with smtplib.SMTP(options.smtp_host, options.smtp_port, timeout=options.timeout) as server:
        if options.smtp_starttls:
            server.starttls(context=ssl.create_default_context())
        if options.smtp_user:
            server.login(options.smtp_user, password)
        try:
            refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise OSError("; ".join(_in_words(error.recipients))) from error
    return _in_words(refused)


def _in_words(refused: Mapping[str, tuple[int, bytes]]) -> list[str]:
    return [
        f"the server refuses {address}: {code} {text.decode(errors='replace')}"
        for address, (code, text) in refused.items()
    ]


def _password(options: notify) -> str:
    password = _secret(options)
    if not password.isascii():
        raise ConfigError("[notify] smtp_user: smtplib sends no password but one of ASCII letters")
    return password


def _secret(options: notify) -> str:
    if not options.smtp_password_file:
        try:
            return os.environ[PASSWORD]
        except KeyError:
            raise ConfigError(
                f"[notify] smtp_user = {options.smtp_user}: there is no password; name a file in "
                f"smtp_password_file, or set {PASSWORD}"
            ) from None
    file = Path(options.smtp_password_file)
    where = f"[notify] smtp_password_file = {file}"
    try:
        is_for_others = file.stat().st_mode & 0o077
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{where}: {getattr(error, 'strerror', None) or error}") from error
    if is_for_others:
        raise ConfigError(f"{where}: others may read it; chmod 600 {file}")
    return text.rstrip("\n")

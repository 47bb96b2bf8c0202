"""How settings are read and refused: the part that all commands share."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ticker_server.errors import CannotStart, shown
from ticker_server.logs import LogFormat, LogLevel

__all__ = ["LoadedSettings", "SettingsError", "flag", "source"]

_NOT_SERVED = {
    "TICKER_AUTH": ("", "none"),
    "TICKER_METRICS_PORT": ("", "0"),
    "TICKER_WORKERS": ("", "1"),
}
"""Settings of the command line's contract that this version does not serve yet, and the values that ask for nothing."""

_FLAGS = {"kafka_bootstrap_servers": "--kafka", "kafka_topic_prefix": "--topic-prefix", "sync_interval": "--interval"}
"""Flags that are not named like their setting."""


class SettingsError(CannotStart):
    """A flag or an environment variable that cannot be used; the message names it and says what it should be."""

    reason = "INVALID_SETTING"
    exit_code = 2


class LoadedSettings(BaseSettings):
    """What every command needs to know. Each field is read from `TICKER_` + its name, in capitals.

    The description of a field is its rule: it completes "PORT should be ...". A secret may stand in a file instead,
    which a variable of the same name + `_FILE` names.
    """

    model_config = SettingsConfigDict(env_prefix="TICKER_", frozen=True, extra="forbid", env_ignore_empty=True)

    log_format: LogFormat = Field(LogFormat.CONSOLE, description="console or json")
    log_level: LogLevel = Field(LogLevel.INFO, description="debug, info, warning or error")

    SECRETS: ClassVar[tuple[str, ...]] = ()
    """The fields that may stand in a file."""

    @classmethod
    def load(cls, **flags: Any) -> Self:
        """Read the environment, let the flags that are not None win, and judge the whole.

        Raises:
            SettingsError: A value that cannot be used, or a setting that this version does not serve.
        """
        given = {name: value for name, value in flags.items() if value is not None}
        for variable, nothing in _NOT_SERVED.items():
            if os.environ.get(variable, "") not in nothing:
                raise SettingsError(f"{variable} asks for what this version does not serve yet; unset it")
        secrets = {name: value for name in cls.SECRETS if (value := _secret_from_file(name, given)) is not None}
        try:
            settings = cls(**{**secrets, **given})
        except ValidationError as error:
            raise SettingsError(_first_fault(cls, error, given)) from None
        settings.judge(given)
        return settings

    def judge(self, given: Collection[str]) -> None:
        """Judge what fields say together; `given` are the fields that flags have set. Raises SettingsError."""


def source(name: str, given: Collection[str]) -> str:
    """Return what the user wrote to set a field: the flag, else the environment variable."""
    return flag(name) if name in given else f"TICKER_{name.upper()}"


def flag(name: str) -> str:
    """Return the flag of a field."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _secret_from_file(name: str, given: Collection[str]) -> SecretStr | None:
    variable = f"TICKER_{name.upper()}"
    path = os.environ.get(f"{variable}_FILE", "")
    if not path or name in given:
        return None
    if os.environ.get(variable):
        raise SettingsError(f"{variable} and {variable}_FILE are both set; unset one of them")
    try:
        return SecretStr(Path(path).read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"{variable}_FILE: {path} cannot be read: {why}") from error


def _first_fault(settings: type[LoadedSettings], error: ValidationError, given: Collection[str]) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    field = settings.model_fields.get(name)
    if field is None:
        return f"{source(name, given)} is no setting"
    # What a secret was set to is not shown, not even cut.
    wrong = "" if name in settings.SECRETS else f", not {shown(str(first['input']))}"
    return f"{source(name, given)} should be {field.description}{wrong}"

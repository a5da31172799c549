"""From what is to be shown to HTML: the templates, with what they may call."""

from __future__ import annotations

__all__ = ["render"]

import functools
from pathlib import Path
from typing import Any

from lstosa_luigi.execution.console import human_size
from lstosa_luigi.pages.words import clean, duration, split_command

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, **shown: Any) -> str:
    """Return a page.

    Parameters
    ----------
    template : str
        File in ``templates/``.
    **shown
        What it shows; all text is escaped, and rid of what a page cannot show.
    """
    text: str = _environment().get_template(template).render(**shown)
    return text


@functools.lru_cache(maxsize=1)
def _environment() -> Any:
    import jinja2
    import markupsafe

    def finalize(value: Any) -> Any:
        if isinstance(value, str) and not isinstance(value, markupsafe.Markup):
            return clean(value)
        return value

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        size=lambda size: "" if size is None else human_size(size),
        duration=duration,
        time=lambda text: text.removesuffix("+00:00").replace("T", " "),
    )
    environment.globals.update(split_command=split_command, file=_read)
    return environment


def _read(name: str) -> Any:
    """Return a file of the templates as it is: style and script stand in each page."""
    import markupsafe

    return markupsafe.Markup((TEMPLATES / name).read_text(encoding="utf-8"))

"""Where every file lies: one method a kind of file; nothing else knows a file name."""

from __future__ import annotations

__all__ = ["RAW_NIGHT", "Layout", "PageLayout", "ProvenanceLayout", "telescope_prefix"]

from lstosa_luigi.layout.night import Layout, telescope_prefix
from lstosa_luigi.layout.pages import PageLayout
from lstosa_luigi.layout.provenance import RAW_NIGHT, ProvenanceLayout

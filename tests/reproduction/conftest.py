"""A night of stand-ins that is closed when a test begins; tests leave it as it was."""

from tests.provenance.conftest import closed  # noqa: F401

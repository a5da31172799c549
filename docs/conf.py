"""How the documentation is built: ``make docs``. Nothing here reaches for the network."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "lstosa-luigi"
author = copyright = "The lstosa-luigi developers"
release = importlib.metadata.version("lstosa-luigi")

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference_tables"]
exclude_patterns = ["_ext"]
default_role = "code"
nitpicky = False

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"lstosa-luigi {release}"
html_copy_source = False
html_show_sphinx = False

"""How Sphinx builds this folder: plain Markdown pages, one theme, no page outside the index."""

import plait

project = "Plait"
author = "The Plait authors"
release = plait.__version__
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"Plait {release}"
html_show_copyright = False
exclude_patterns = ["_build"]

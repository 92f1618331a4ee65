"""Help pages: one model (`page`), rendered as text for a terminal, as a man page and as Markdown."""

"""A hook of MkDocs: on the built site, each name of docs/reference.md is replaced by its documentation.

In the checkout, and on a code host, the page is a list of names that link to their sources.
"""

import re

NAME = re.compile(r"^- \[`([\w.]+)`\]\(\.\./src/\S+\)$", re.MULTILINE)


def on_page_markdown(markdown: str, *, page, **_) -> str:
    """Called by MkDocs with the text of each page; `:::` is what mkdocstrings replaces."""
    return NAME.sub(r"\n::: \1", markdown) if page.file.src_uri == "reference.md" else markdown

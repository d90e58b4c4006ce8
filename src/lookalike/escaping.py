"""Text from files, names and people, made safe to print."""


def escaped(text: str) -> str:
    r"""On one line: control characters, and bytes of a name that are not UTF-8, are spelled as `\n` or `\udcff`."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)

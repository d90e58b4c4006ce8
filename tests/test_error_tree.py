import re

from lookalike import errors


def everything_under(kind):
    return {below for child in kind.__subclasses__() for below in (child, *everything_under(child))}


ALL = {kind for kind in everything_under(errors.LookalikeError) if kind.__module__ == errors.__name__}


def test_the_tree_in_the_documentation_is_the_tree():
    drawn, path = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ([│ ]*)(?:├──|└──)? ?(\w+)", line)
        if found and hasattr(errors, found[2]):
            depth = line.index(found[2]) // 4
            path = [*path[: depth - 1], found[2]]
            drawn[found[2]] = path[-2] if len(path) > 1 else None
    assert drawn.pop("LookalikeError") is None
    assert drawn == {kind.__name__: kind.__base__.__name__ for kind in ALL}


def test_codes_are_slugs_and_tell_errors_apart():
    """Callers decide by them, and problem types of the API end with them."""
    codes = {kind: kind.code for kind in ALL if "code" in vars(kind)}
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes.values())
    assert len(set(codes.values())) == len(codes)


def test_an_unknown_image_is_named_without_breaking_lines_or_terminals():
    told = str(errors.UnknownImage.of("a\n\x1b[31m" + "b" * 500))
    assert told.isprintable()
    assert len(told) < 150

import re
from pathlib import Path

import lookalike.serving
from lookalike.cli.search import MATCH_WORDS
from lookalike.types import Match

PAGE = Path(lookalike.serving.__file__).parent / "page"


def test_the_terminal_says_how_close_hits_are_in_the_words_of_the_page():
    words = re.findall(r'^  "?([a-z-]+)"?: \{ words: "([^"]+)"', (PAGE / "words.js").read_text(), re.MULTILINE)
    assert {Match(match): said for match, said in words} == MATCH_WORDS
    assert set(MATCH_WORDS) == set(Match)

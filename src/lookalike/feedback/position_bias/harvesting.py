"""Position bias from images that were shown at several places for the same query, for whatever reason.

Agarwal et al. 2019, "Estimating position bias without intrusive interventions": where two rankers put the same image at
two ranks, its relevance cancels out of the comparison, so no results need to be shuffled. Swaps that a server makes on
purpose (Joachims et al. 2017) are used in the same way.

The paper compares places two by two. Here all places of a document are compared at once: given that a document was
clicked C times, the share of clicks at place k is n_k p_k / sum_j n_j p_j, where n_k is how often it was shown there.
These are the score equations of a Poisson model with a parameter for each document. They have mean zero for clicks of
any distribution, so the estimate is consistent however few clicks each document has.
"""

import numpy as np
from numpy.typing import NDArray

from lookalike.feedback.position_bias.click_table import ClickTable, Counts

_MOST_STEPS = 200
_LARGEST_STEP = 2.0  # of a logarithm
_ENOUGH = 1e-10


def connected(table: ClickTable) -> NDArray[np.bool_]:
    """[places], those that documents connect to the place with most clicks, directly or through other places."""
    moved = table.moved()
    shown = table.impressions[moved] > 0
    clicked = table.clicks[moved].sum(axis=0) > 0
    reached = np.zeros(table.places, dtype=np.bool_)
    if not clicked.any():
        return reached
    reached[int(np.argmax(table.clicks[moved].sum(axis=0)))] = True
    while True:
        further = shown[(shown & reached).any(axis=1)].any(axis=0) & clicked
        if (further <= reached).all():
            return reached
        reached |= further


def harvest(table: ClickTable, places: NDArray[np.bool_]) -> Counts:
    """Logarithms of propensities of connected places, [places]; the first of them is 0, NaN elsewhere.

    Args:
        table: of clicks.
        places: as `connected` gives them.
    """
    shown, clicked = _compared(table, places)
    logs = np.zeros(shown.shape[1])
    for _ in range(_MOST_STEPS):
        score, information = _score(shown, clicked, logs)
        step = np.linalg.lstsq(information, score, rcond=None)[0]
        logs = logs + np.clip(step - step[0], -_LARGEST_STEP, _LARGEST_STEP)
        if np.abs(step - step[0]).max() < _ENOUGH:
            break
    found = np.full(table.places, np.nan)
    found[places] = logs - logs[0]
    return found


def influence(table: ClickTable, places: NDArray[np.bool_], logs: Counts) -> tuple[Counts, NDArray[np.int64]]:
    """How each query image moves the estimate: [query images, places], and the query image of each row.

    The sum over resampled query images is one Newton step from the estimate: the one-step bootstrap (Davidson and
    MacKinnon 1999), which needs no further fits.
    """
    shown, clicked = _compared(table, places)
    used = table.only(_comparable(table, places))
    at = logs[places]
    _, information = _score(shown, clicked, at)
    by_document = clicked - clicked.sum(axis=1, keepdims=True) * _shares(shown, at)
    queries, number = np.unique(used.queries, return_inverse=True)
    by_query = np.zeros((len(queries), by_document.shape[1]))
    np.add.at(by_query, number.ravel(), by_document)
    moves = np.zeros((len(queries), table.places))
    solved = by_query @ np.linalg.pinv(information)
    moves[:, places] = solved - solved[:, :1]
    return moves, queries


def _comparable(table: ClickTable, places: NDArray[np.bool_]) -> NDArray[np.bool_]:
    several = (table.impressions[:, places] > 0).sum(axis=1) > 1
    found: NDArray[np.bool_] = several & (table.clicks[:, places].sum(axis=1) > 0)
    return found


def _compared(table: ClickTable, places: NDArray[np.bool_]) -> tuple[Counts, Counts]:
    used = _comparable(table, places)
    return table.impressions[used][:, places], table.clicks[used][:, places]


def _shares(shown: Counts, logs: Counts) -> Counts:
    """Of a document's clicks, how many are expected at each place, [documents, places]."""
    expected = shown * np.exp(logs)
    shares: Counts = expected / expected.sum(axis=1, keepdims=True)
    return shares


def _score(shown: Counts, clicked: Counts, logs: Counts) -> tuple[Counts, Counts]:
    """Gradient of the log-likelihood, [places], and its negative Hessian, [places, places]."""
    shares = _shares(shown, logs)
    clicks = clicked.sum(axis=1, keepdims=True)
    expected = clicks * shares
    score: Counts = (clicked - expected).sum(axis=0)
    information: Counts = np.diag(expected.sum(axis=0)) - expected.T @ shares
    return score, information

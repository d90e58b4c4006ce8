"""Models compared kind by kind: paired differences with bootstrap intervals, and the tables of them.

Values are a query's average precision, or its share of triplets or of the teacher's neighbours (see kinds.py).
"""

import numpy as np

from kinds import RESAMPLES, among, judged, kinds, names_taught, neighbours_found, values_of
from lookalike.training.chance import chance_for

SAYS = {
    "grades": "mAP, judgements of the set",
    "labels": "mAP, classes of the source",
    "triplets": "people's triplets kept",
    "teacher": "clip-vit-b16's 10 nearest found",
}


def values_by_kind(vectors_for, photos, only=None, *, described_only=False):
    """Kind -> model -> [queries] values.

    Args:
        vectors_for: a kind -> model -> name -> unit row; the teacher is one of the models, as `teacher`, where a kind
            is judged by it, and does not come back.
        photos: the shared sets.
        only: kinds to judge; None for all.
        described_only: ask among those photos alone that the teacher describes.
    """
    found = {}
    for kind in kinds() if only is None else only:
        vectors = vectors_for(kind)
        if kind.judged_by == "teacher":
            gallery, names, teacher = fold_gallery(kind.fold, photos), photos.chosen(kind), vectors.pop("teacher")
            found[kind.kind] = {
                model: neighbours_found(names, gallery, rows, teacher) for model, rows in vectors.items()
            }
        else:
            known = judged(kind, photos)
            known = among(known, set(names_taught(kind, photos))) if described_only else known
            found[kind.kind] = {model: values_of(known, rows) for model, rows in vectors.items() if known.asks}
    return {kind: values for kind, values in found.items() if values}


def fold_gallery(fold, photos):
    """The photos of a fold's kinds that the teacher has described, without parts."""
    names = [name for kind in kinds() if kind.fold == fold for name in names_taught(kind, photos)]
    return [name for name in dict.fromkeys(names) if "#" not in name]


def compared(values, base):
    """Model -> mean with its interval, and the paired difference from the base with its own.

    Args:
        values: model -> [queries].
        base: one of the models.
    """
    draws = drawn(values)
    return {
        model: {
            **interval(rows.mean(), draws[model]),
            "difference": interval(rows.mean() - values[base].mean(), draws[model] - draws[base]),
        }
        for model, rows in values.items()
    }


def drawn(values):
    """Model -> [RESAMPLES] means of queries drawn again with replacement, the same queries for all models."""
    count = len(next(iter(values.values())))
    places = chance_for("kinds compared", count).integers(count, size=(RESAMPLES, count))
    return {model: rows[places].mean(axis=1) for model, rows in values.items()}


def closed(values, base, teacher, model):
    """Share of the mean distance from the base to the teacher that a model closes, over kinds.

    Args:
        values: kind -> model -> [queries].
        base: model at 0 %.
        teacher: model at 100 %.
        model: which.
    """
    draws = [drawn(of_kind) for of_kind in values.values()]

    def share(means):
        mean = {one: np.mean([of_kind[one] for of_kind in means], axis=0) for one in (base, teacher, model)}
        return (mean[model] - mean[base]) / (mean[teacher] - mean[base])

    exact = [{one: rows.mean() for one, rows in of_kind.items()} for of_kind in values.values()]
    return interval(share(exact), share(draws))


def interval(value, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"mean": float(value), "low": float(low), "high": float(high)}


def table(found, models, base):
    """Lines of Markdown: a kind a line, of each model the mean and the difference from the base.

    Args:
        found: kind -> what `compared` gives.
        models: columns.
        base: which of them the others are compared with.
    """
    others = [model for model in models if model != base]
    head = ["kind", "fold", "judged by", "queries", base]
    head += [column for model in others for column in (model, "difference")]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * 3 + "--:|" * (len(head) - 3)]
    for kind in kinds():
        if kind.kind not in found:
            continue
        one = found[kind.kind]
        cells = [kind.kind, str(kind.fold), SAYS[kind.judged_by], str(one["queries"]), f"{one[base]['mean']:.3f}"]
        for model in others:
            cells += [f"{one[model]['mean']:.3f}", difference(one[model]["difference"])] if model in one else ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def difference(value):
    """A difference with its interval; bold where the interval is below zero."""
    text = f"{value['mean']:+.3f} ({value['low']:+.3f} to {value['high']:+.3f})"
    return f"**{text}**" if value["high"] < 0 else text


def below(found, model):
    """Kinds on which a model is below the base by more than the interval."""
    return [kind for kind, one in found.items() if model in one and one[model]["difference"]["high"] < 0]

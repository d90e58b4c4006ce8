"""Letting another model answer, if it ranks no worse; and the way back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lookalike.catalog import LiveModel
from lookalike.embedding import Encoder
from lookalike.errors import CallerError, PromotionRefused
from lookalike.evaluation import Comparison, Evaluation, Measure, compare_evaluations, evaluate_run, parse_measures
from lookalike.evaluation.pipeline import JudgedLibrary, run_exact
from lookalike.evaluation.report.wording import signed, span
from lookalike.indexing import IndexReport, Progress
from lookalike.library.judging import JudgementSource, judged_queries
from lookalike.library.parts import LibraryParts
from lookalike.retrieval import ExactRanker

MEASURES = "nDCG@10,mAP,P@10"


@dataclass(frozen=True, kw_only=True)
class PromoteRequest:
    """Which model is to answer, and by what it is judged.

    Attributes:
        name: of the model.
        judgements: grades to compare by; needed unless `force`.
        measures: separated by commas; the first one decides.
        force: switch even if it ranks worse or nobody measured.
        resamples: for confidence intervals.
    """

    name: str
    judgements: JudgementSource | None = None
    measures: str = MEASURES
    force: bool = False
    resamples: int = 10_000


@dataclass(frozen=True, kw_only=True)
class Candidacy:
    """A model that may take over, compared with the live one by exact search over the same queries.

    Attributes:
        name: of the model.
        live: that answers now.
        comparisons: by measure, the candidate first; empty where nothing was judged. The first one decides.
        warnings: what should be known of the judgements.
    """

    name: str
    live: LiveModel
    comparisons: Mapping[Measure, Comparison] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def require_better(self) -> None:
        """Refuse a model that ranks worse.

        Raises:
            PromotionRefused: it does; the comparison is in `candidacy`.
        """
        measure, found = next(iter(self.comparisons.items()))
        if found.difference.mean < 0:
            raise PromotionRefused(
                f"{self.name} ranks worse than {self.live.name}: {measure} {found.first:.4f} against"
                f" {found.second:.4f} ({signed(found.difference.mean, 4)}, 95 % interval"
                f" {span(found.difference, signs=True)}); {self.live.name} goes on answering (--force switches anyway)",
            )


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A model that answers now in another one's place.

    Attributes:
        before: what answered.
        now: what answers.
        candidacy: the comparison; None when rolling back.
        reports: of the images that were embedded for it.
    """

    before: LiveModel
    now: LiveModel
    candidacy: Candidacy | None
    reports: Sequence[IndexReport]


def compare(
    library: LibraryParts, request: PromoteRequest, progress: Progress
) -> tuple[Candidacy, Encoder, IndexReport]:
    """Embed every image with another model, and compare it with the live one.

    Returns:
        The comparison, the model, opened, and what was embedded.

    Raises:
        PromotionRefused: nothing says that it ranks as well; before anything is embedded.
        CallerError: it is the model that answers, or a measure is none of ours.
        EvaluationRefused: the judgements cannot be used.
    """
    measures = parse_measures([request.measures])
    encoder = library.open_model(request.name, mode="throughput")
    live = library.require_live()
    if encoder.fingerprint == live.fingerprint:
        raise CallerError(f"{request.name} is the model that answers already")
    if request.judgements is None and not request.force:
        raise PromotionRefused(
            f"nothing says that {request.name} ranks as well as {live.name}: name grades with --judgements"
            " (a file, or a set of `lookalike judgements list`), or switch anyway with --force"
        )
    known = judged_queries(library, request.judgements) if request.judgements else None
    embedded = library.indexer_for(encoder).embed_known(progress=progress)
    if known is None:
        return Candidacy(name=request.name, live=live), encoder, embedded
    comparisons = _comparisons(library, encoder, live, known, measures, request.resamples, progress)
    return Candidacy(name=request.name, live=live, comparisons=comparisons, warnings=known.warnings), encoder, embedded


def promote(
    library: LibraryParts, request: PromoteRequest, candidacy: Candidacy, encoder: Encoder, progress: Progress
) -> IndexReport:
    """Let a compared model answer; services that run follow by themselves.

    Raises:
        PromotionRefused: it ranks worse, and `force` was not asked for.
    """
    if not request.force:
        candidacy.require_better()
    by = request.judgements.judgements if request.judgements else "unmeasured"
    return library.indexer_for(encoder).take_over(
        because=f"promoted over {candidacy.live.name}, {by}", progress=progress
    )


def rollback(library: LibraryParts, progress: Progress) -> Switch:
    """Let the model that answered before answer again; images that came in since are embedded with it first.

    Raises:
        CallerError: there is none.
        VectorsRefused: the model on this machine is another one of that name.
    """
    live = library.require_live()
    before = next((step.model for step in library.catalog.models.history() if step.model != live), None)
    if before is None:
        raise CallerError(f"{live.name} is the only model that ever answered here: there is nothing to go back to")
    indexer = library.indexer_for(library.open_exactly(before, mode="throughput"))
    report = indexer.take_over(because=f"rolled back from {live.name}", progress=progress)
    return Switch(before=live, now=before, candidacy=None, reports=[report])


def _comparisons(
    library: LibraryParts,
    encoder: Encoder,
    live: LiveModel,
    known: JudgedLibrary,
    measures: Sequence[Measure],
    resamples: int,
    progress: Progress,
) -> dict[Measure, Comparison]:
    def evaluated(model: Encoder) -> Evaluation:
        progress.stage(f"Ranking by {model.name}", len(known.queries))
        ranker = ExactRanker(library.catalog, model, limits=library.limits)
        run = run_exact(ranker, known.queries, asked=lambda: progress.advance(1))
        return evaluate_run(run, known.judgements, measures)

    candidate, answering = evaluated(encoder), evaluated(library.open_exactly(live))
    return {measure: compare_evaluations(candidate, answering, measure, resamples=resamples) for measure in measures}

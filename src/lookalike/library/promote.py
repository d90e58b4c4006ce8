"""Letting another model answer, if it ranks no worse; and the way back."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from markupsafe import Markup

from lookalike.catalog import LiveModel
from lookalike.embedding import Encoder
from lookalike.errors import CallerError, PromotionRefused
from lookalike.evaluation import Comparison, Evaluation, Measure, compare_evaluations, evaluate_run, parse_measures
from lookalike.evaluation.pipeline import JudgedLibrary, run_exact
from lookalike.evaluation.report.wording import decimal, signed, span
from lookalike.indexing import IndexReport
from lookalike.library.judging import JudgementSource, judged_queries
from lookalike.library.notebook import notes_html, table_html
from lookalike.library.parts import LibraryParts
from lookalike.progress import Progress

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
            PromotionRefused: it does; the error's `comparison` is this.
        """
        measure, found = next(iter(self.comparisons.items()))
        if found.difference.mean < 0:
            raise PromotionRefused(
                f"{self.name} ranks worse than {self.live.name}: {measure} {found.first:.4f} against"
                f" {found.second:.4f} ({signed(found.difference.mean, 4)}, 95 % interval"
                f" {span(found.difference, signs=True)}); {self.live.name} stays the live model"
                " (--force switches anyway)",
                self,
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

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be known of the judgements."""
        return self.candidacy.warnings if self.candidacy else ()

    @property
    def embedded(self) -> int:
        """Images that were given a vector for it."""
        return sum(report.embedded for report in self.reports)

    def _repr_html_(self) -> str:
        title = f"{self.now.name} answers now instead of {self.before.name}"
        compared = self.candidacy.comparisons if self.candidacy else {}
        rows = [
            (
                str(measure),
                decimal(found.first, 4),
                decimal(found.second, 4),
                signed(found.difference.mean, 4),
                span(found.difference, signs=True),
            )
            for measure, found in compared.items()
        ]
        headings = ("measure", self.now.name, self.before.name, "difference", "95 % interval")
        table = table_html(headings, rows, title=title)
        return str(Markup("<div>{}{}</div>").format(notes_html(self.warnings), table))


def promote(library: LibraryParts, request: PromoteRequest, progress: Progress) -> Switch:
    """Let another model answer, if it ranks no worse; services that run follow by themselves.

    Every image is embedded with it first, and the live model answers until the switch. What was embedded stays, also
    where it is refused.

    Raises:
        PromotionRefused: it ranks worse by the first measure, or nothing says how it ranks, and `force` is not set.
        CallerError: it is the model that answers, or a measure is unknown.
        EvaluationRefused: the judgements cannot be used.
        LibraryMissing: nothing was indexed.
        UnknownModel, ModelMissing: it is not on this machine.
    """
    measures = parse_measures([request.measures])
    with closing(library.open_model(request.name, mode="throughput", keep=False)) as encoder:
        live = library.require_live()
        _require_candidate(request, encoder, live)
        known = judged_queries(library, request.judgements) if request.judgements else None
        indexer = library.indexer_for(encoder)
        embedded = indexer.embed_known(progress=progress)
        candidacy = Candidacy(name=request.name, live=live)
        if known is not None:
            comparisons = _comparisons(library, encoder, live, known, measures, request.resamples, progress)
            candidacy = Candidacy(name=request.name, live=live, comparisons=comparisons, warnings=known.warnings)
        if not request.force:
            candidacy.require_better()
        by = request.judgements.judgements if request.judgements else "unmeasured"
        switched = indexer.take_over(because=f"promoted over {live.name}, {by}", progress=progress)
        return Switch(before=live, now=indexer.model, candidacy=candidacy, reports=(embedded, switched))


def _require_candidate(request: PromoteRequest, encoder: Encoder, live: LiveModel) -> None:
    if encoder.fingerprint == live.fingerprint:
        raise CallerError(f"{request.name} is already the live model")
    if request.judgements is None and not request.force:
        raise PromotionRefused(
            f"it is unknown whether {request.name} ranks as well as {live.name}: give grades with --judgements"
            " (a file, or a set of `lookalike judgements list`), or switch anyway with --force"
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
        raise CallerError(
            f"{live.name} is the only model that this library has used: there is no model to roll back to"
        )
    with closing(library.open_exactly(before, mode="throughput", keep=False)) as encoder:
        indexer = library.indexer_for(encoder)
        report = indexer.take_over(because=f"rolled back from {live.name}", progress=progress)
    return Switch(before=live, now=before, candidacy=None, reports=(report,))


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
        run = run_exact(library.exact_ranker(model), known.queries, asked=lambda: progress.advance(1))
        return evaluate_run(run, known.judgements, measures)

    candidate, answering = evaluated(encoder), evaluated(library.open_exactly(live))
    return {measure: compare_evaluations(candidate, answering, measure, resamples=resamples) for measure in measures}

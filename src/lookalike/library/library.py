"""The public face of a library: what can be done with it, as methods."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from lookalike.catalog import Collection, JudgementSet
from lookalike.duplicates import Sureness
from lookalike.evaluation import DEFAULT_MEASURES, parse_measures
from lookalike.feedback.online_metrics import OnlineMetrics
from lookalike.indexing import IndexOptions
from lookalike.library.adapt import AdaptRequest, AdaptResult, adapt
from lookalike.library.bench import BenchRequest, BenchResult, bench
from lookalike.library.collections import (
    CollectionChange,
    add_to_collection,
    list_collections,
    remove_from_collection,
)
from lookalike.library.copy_search import Keep
from lookalike.library.duplicates import Action, DuplicatesRequest, DuplicatesResult, duplicates
from lookalike.library.evaluate import EvaluateRequest, EvaluateResult, evaluate
from lookalike.library.index import IndexRequest, IndexResult, index
from lookalike.library.judgements import (
    ExportRequest,
    ImportRequest,
    ImportResult,
    export_judgements,
    import_judgements,
    list_judgements,
)
from lookalike.library.judging import JudgementSource
from lookalike.library.keypoints import KeypointsRequest, KeypointsResult, keypoints
from lookalike.library.metrics import MetricsRequest, library_metrics
from lookalike.library.opening import library_parts
from lookalike.library.parts import LibraryParts
from lookalike.library.places import check_new_library
from lookalike.library.promote import MEASURES, PromoteRequest, Switch, promote, rollback
from lookalike.library.search import SearchResult, search
from lookalike.library.train import TrainRequest, TrainResult, train
from lookalike.library.tune import TuneRequest, TuneResult, tune
from lookalike.library.verify import VerifyRequest, verify
from lookalike.progress import Progress, Silent
from lookalike.retrieval import Query
from lookalike.settings import Settings, load_settings, user_path
from lookalike.snapshot import Goals
from lookalike.training.recipes import HeadRecipe, default_pull
from lookalike.verification import Verification

Judgements = str | Path | JudgementSource
"""A judgement file, the name of a judgement set, or either with what says how to read it."""


def open(  # noqa: A001 - `lookalike.open` reads best
    library: str | Path | None = None,
    *,
    url: str | None = None,
    models: str | Path | None = None,
    model: str | None = None,
) -> "Library":
    """Open a library. Nothing is read or made on disk before something is done with it.

    Args:
        library: its folder; None for the user's own library, or `LOOKALIKE_LIBRARY`.
        url: SQLAlchemy URL of its catalog; None for an SQLite file in the folder.
        models: the folder of models on this machine; None for the user's.
        model: the model that a new library is indexed with; None for the setting `model`.

    Raises:
        CallerError: a setting of the library is invalid; the message names where it was made.
    """
    return Library(
        load_settings(
            {
                "library": user_path(library) if library is not None else None,
                "catalog_url": url,
                "models": user_path(models) if models is not None else None,
                "model": model,
            }
        )
    )


class Library:
    """One collection of images: a context manager, or to be closed.

    Every method returns a typed result with its warnings inside, prints nothing, and tells `progress` how far it is.

    Args:
        settings: which library, and how its parts work.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._opened: LibraryParts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"lookalike.open({str(self.settings.library)!r})"

    def close(self) -> None:
        """Write down what waits, and free the model. The library opens again when it is used again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    @property
    def parts(self) -> LibraryParts:
        """The parts below: catalog, engine, indexer, and whatever else the methods here leave out.

        Raises:
            LibraryMissing: nothing was indexed into this folder.
        """
        return self._parts(create=False)

    def _parts(self, *, create: bool) -> LibraryParts:
        if self._opened is None:
            self._opened = library_parts(self.settings, create=create)
        return self._opened

    def index(
        self,
        paths: Iterable[str | Path] = (),
        *,
        model: str | None = None,
        options: IndexOptions | None = None,
        measure_recall: bool = False,
        progress: Progress | None = None,
    ) -> IndexResult:
        """Make the library hold what is under these paths now, or under all that were indexed before if none is given.

        Makes the library's folder where there is none and a path is given.

        See `lookalike.library.index` for arguments and errors.
        """
        roots = [user_path(path) for path in paths]
        check_new_library(self.settings, roots, create=True)
        request = IndexRequest(
            paths=roots, model=model, options=options or IndexOptions(), measure_recall=measure_recall
        )
        return index(self._parts(create=bool(roots)), request, progress or Silent())

    def search(self, query: Query, *, limit: int | None = None) -> SearchResult:
        """The images most like a query, best first.

        Args:
            query: made by `Query.picture` or `Query.image`.
            limit: how many hits; None for what the query says.

        Raises:
            ImageRefused, CropRefused, UnknownImage: the query cannot be asked.
            LibraryMissing: nothing was indexed.
        """
        return search(self.parts, query if limit is None else replace(query, limit=limit))

    def collections(self) -> Sequence[Collection]:
        """The named sets of images of the library."""
        return list_collections(self.parts)

    def collect(self, name: str, images: Sequence[str | Path]) -> CollectionChange:
        """Put images, given by id or by file, into a collection, which is made where there is none.

        `Query.picture(..., filters=Filters(collection=name))` searches among them.
        """
        return add_to_collection(self.parts, name, [str(one) for one in images])

    def uncollect(self, name: str, images: Sequence[str | Path]) -> CollectionChange:
        """Take images out of a collection; they stay in the library."""
        return remove_from_collection(self.parts, name, [str(one) for one in images])

    def evaluate(
        self,
        judgements: Judgements,
        *,
        measures: str | None = None,
        against: str | None = None,
        resamples: int = 10_000,
        progress: Progress | None = None,
    ) -> EvaluateResult:
        """Measure how well the library ranks.

        Args:
            judgements: grades that people gave.
            measures: such as `nDCG@10,mAP`; None for the default ones.
            against: a run file, or a model on this machine, to compare with.
            resamples: draws for confidence intervals and tests.
            progress: is told how far it is.

        Raises:
            EvaluationRefused: the judgements cannot be used.
            LibraryMissing: nothing was indexed.
        """
        request = EvaluateRequest(
            judgements=_source(judgements),
            measures=parse_measures([measures]) if measures else DEFAULT_MEASURES,
            against=against,
            resamples=resamples,
        )
        return evaluate(self.parts, request, progress or Silent())

    def bench(
        self,
        judgements: Judgements,
        *,
        models: Sequence[str] = (),
        measures: str | None = None,
        progress: Progress | None = None,
    ) -> BenchResult:
        """Compare models, all on this machine if none are named: quality, speed and size."""
        request = BenchRequest(
            judgements=_source(judgements),
            models=models,
            measures=parse_measures([measures]) if measures else DEFAULT_MEASURES,
        )
        return bench(self.parts, request, progress or Silent())

    def train(
        self,
        name: str | TrainRequest,
        *,
        on: Mapping[str, float] | HeadRecipe | None = None,
        judgements: Judgements | None = None,
        base: str | None = None,
        progress: Progress | None = None,
    ) -> TrainResult:
        """Learn what "similar" means here, as a new model that waits until `promote`. Needs torch.

        Args:
            name: of the new model; or a whole request, which says everything.
            on: source -> its share: `grades`, `clicks`, `views`, `teacher`; a recipe also says how. None for grades.
            judgements: grades to learn from and to judge by; None for all grades of the library.
            base: the model to start from; None for the one that answers.
            progress: is told how far it is.

        Raises:
            DependencyMissing: torch is not installed.
            TrainingRefused: there is too little to learn from.
            ModelRefused: the name is taken.
        """
        request = name
        if not isinstance(request, TrainRequest):
            shares = {"grades": 1.0} if on is None else on
            request = TrainRequest(
                name=request,
                recipe=shares if isinstance(shares, HeadRecipe) else _recipe(shares),
                base=base,
                judgements=_source(judgements) if judgements is not None else None,
            )
        return train(self.parts, request, progress or Silent())

    def adapt(
        self, name: str | AdaptRequest, *, judgements: Judgements | None = None, progress: Progress | None = None
    ) -> AdaptResult:
        """Fit a model to the library's images without labels or torch, as a new model that waits until `promote`."""
        request = name
        if not isinstance(request, AdaptRequest):
            request = AdaptRequest(name=request, judgements=_source(judgements) if judgements is not None else None)
        return adapt(self.parts, request, progress or Silent())

    def promote(
        self,
        name: str,
        *,
        judgements: Judgements | None = None,
        measures: str = MEASURES,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Switch:
        """Let another model answer, if it ranks no worse by the first measure, or if `force` is set.

        Raises:
            PromotionRefused: it ranks worse, or there are no judgements.
            UnknownModel, ModelMissing: it is not on this machine.
        """
        source = _source(judgements) if judgements is not None else None
        request = PromoteRequest(name=name, judgements=source, measures=measures, force=force)
        return promote(self.parts, request, progress or Silent())

    def rollback(self, *, progress: Progress | None = None) -> Switch:
        """Let the model that answered before answer again."""
        return rollback(self.parts, progress or Silent())

    def tune(self, request: TuneRequest | None = None, *, recall: float = 0.95) -> TuneResult:
        """Choose the index that finds that share of the true ten nearest, and publish with it."""
        return tune(self.parts, request or TuneRequest(goals=Goals(recall=recall)), Silent())

    def verify(self, *, queries: int = 200, files: int = 200, progress: Progress | None = None) -> Verification:
        """Check what is stored, and the index's recall on so many images; the result's `problems` say what is wrong."""
        return verify(self.parts, VerifyRequest(queries=queries, files=files), progress or Silent())

    def metrics(self, request: MetricsRequest | None = None) -> OnlineMetrics:
        """What people saw and did: click-through rate, time spent on suggested images, searches without a click."""
        return library_metrics(self.parts.catalog, request or MetricsRequest())

    def keypoints(self, *, remove: bool = False, progress: Progress | None = None) -> KeypointsResult:
        """Extract missing keypoints, for verified searches and copies, or remove those of every image. Needs OpenCV."""
        return keypoints(self.parts, KeypointsRequest(remove=remove), progress or Silent())

    def duplicates(
        self,
        *,
        keep: Keep = "largest",
        action: Action = "report",
        least: Sureness | None = None,
        progress: Progress | None = None,
    ) -> DuplicatesResult:
        """Find copies, and hide or delete all but one of each on request. See `DuplicatesRequest` for the arguments."""
        request = DuplicatesRequest(keep=keep, action=action, least=least)
        return duplicates(self.parts, request, progress or Silent())

    def import_judgements(self, source: str | Path | JudgementSource, *, name: str | None = None) -> ImportResult:
        """Keep the grades of a file in the library, as a judgement set of that name or of the file's."""
        return import_judgements(self.parts, ImportRequest(source=_source(source), name=name))

    def export_judgements(self, name: str, out: str | Path) -> None:
        """Write a judgement set to a file; its suffix says the format."""
        export_judgements(self.parts, ExportRequest(name=name, out=user_path(out)))

    def judgements(self) -> Sequence[JudgementSet]:
        """The judgement sets of the library."""
        return list_judgements(self.parts)


def _source(judgements: Judgements) -> JudgementSource:
    if isinstance(judgements, JudgementSource):
        return judgements
    return JudgementSource(judgements=str(judgements))


def _recipe(shares: Mapping[str, float]) -> HeadRecipe:
    return HeadRecipe(shares=shares, pull=default_pull(shares))

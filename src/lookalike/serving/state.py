"""The state shared by all routes."""

from dataclasses import dataclass

from lookalike.errors import UrlRefused
from lookalike.serving.access.fetching import FetchLimits, PictureFetcher
from lookalike.serving.admin import Admin
from lookalike.serving.background import CopySearching, ExperimentStarting, Forgetting, RecallWatch
from lookalike.serving.gates import Gates
from lookalike.serving.metrics import Meters
from lookalike.serving.reserve import DiskReserve
from lookalike.serving.services import Services, ServingSettings
from lookalike.serving.thumbnails import ThumbnailCache


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One app's parts; nothing of it is global, so that a process can have many apps."""

    services: Services
    settings: ServingSettings
    gates: Gates
    meters: Meters
    recall_watch: RecallWatch
    forgetting: Forgetting
    copies: CopySearching
    experiments: ExperimentStarting
    thumbnails: ThumbnailCache
    admin: Admin
    reserve: DiskReserve
    fetcher: PictureFetcher | None

    @classmethod
    def of(cls, services: Services, settings: ServingSettings) -> "State":
        """The parts that these services and settings make."""
        is_far = not services.catalog.is_file
        gates = Gates(workers=settings.workers, waiting=settings.max_waiting, database_is_far=is_far)
        watch = RecallWatch(services.catalog, services.engine, seconds=settings.recall_seconds)
        return cls(
            services=services,
            settings=settings,
            gates=gates,
            meters=Meters(services, gates, watch),
            recall_watch=watch,
            forgetting=Forgetting(services.catalog, queries=settings.retention, events=settings.event_retention),
            copies=CopySearching(services.copies),
            experiments=ExperimentStarting(services.experiments),
            thumbnails=ThumbnailCache(settings.thumbnails, most_bytes=settings.thumbnail_bytes),
            fetcher=_fetcher(settings) if settings.picture_urls else None,
            admin=Admin(settings.admin_token, services.catalog),
            reserve=DiskReserve(settings.reserve),
        )

    def fetched(self, url: str) -> bytes:
        """The picture that a caller named by its URL. Waits for it.

        Raises:
            UrlRefused: this server fetches none, or not this one.
        """
        if self.fetcher is None:
            raise UrlRefused("this server fetches no pictures by URL: send the picture itself")
        return self.fetcher.fetch(url)


def _fetcher(settings: ServingSettings) -> PictureFetcher:
    return PictureFetcher(FetchLimits(most_bytes=settings.picture_limits.max_bytes))

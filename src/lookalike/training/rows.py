"""The identity of a row of features: an image, a part of one, or an augmented view of one."""

from dataclasses import dataclass

from lookalike.evaluation import JudgedQuery
from lookalike.types import Box

_VIEW = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An altered view of an image.

    Attributes:
        settings: digest of how views are altered.
        number: of the view, from 0.
    """

    settings: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedRow:
    """The identity of a row. Its name, `str(row)`, is what caches and judgements call it; `parse` reads that.

    Attributes:
        image_id: of the image.
        region: the part of it, in the spelling of judgement files; None for the whole.
        view: None for the image as it is.
    """

    image_id: str
    region: Box | None = None
    view: View | None = None

    @classmethod
    def parse(cls, name: str) -> "DescribedRow":
        """The identity with that name."""
        query = JudgedQuery.parse(name)
        image_id, *altered = query.image.split(_VIEW)
        view = View(settings=altered[0], number=int(altered[1])) if altered else None
        return cls(image_id=image_id, region=query.region, view=view)

    def __str__(self) -> str:
        if self.view is not None:
            return f"{self.image_id}{_VIEW}{self.view.settings}{_VIEW}{self.view.number}"
        return str(JudgedQuery(image=self.image_id, region=self.region))

    @property
    def is_whole_image(self) -> bool:
        """Neither a part nor a view."""
        return self.region is None and self.view is None

from datetime import UTC, datetime

import lookalike
from lookalike.types import Grade


def test_graders_and_their_agreement_are_shown(run, shop, models, tmp_path):
    assert "too few pairs" in run("judgements", "graders", "mine").stdout
    with lookalike.open(tmp_path / "library", models=models) as library:
        query, *images = [image.id for image in library.parts.catalog.images.browse(limit=6).images]
        grades = [
            Grade(
                query_image_id=query,
                image_id=image,
                grade=grade,
                at=datetime.now(UTC),
                user_id=user,
                judgement_set="mine",
            )
            for user, given in (("ann", (0, 1, 5, 3, 2)), ("bob", (0, 1, 5, 3, 5)))
            for image, grade in zip(images, given, strict=True)
        ]
        library.parts.catalog.judgements.write(grades)
    found = run.json("judgements", "graders", "mine")
    assert (found["graders"], found["twice"], found["disputed"]) == ({"ann": 5, "bob": 5}, 5, 1)
    assert 0.5 < found["alpha"] < 0.9
    assert "1 pairs to settle" in run("judgements", "graders", "mine").stdout

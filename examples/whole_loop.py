"""Index a folder, search by a part of a picture, measure, learn from grades, promote, and go back.

    python examples/whole_loop.py FOLDER GRADES PICTURE [LIBRARY]

GRADES is a judgement file about pictures of FOLDER: query, image, grade 0 to 5. Training needs `lookalike[training]`.
"""

import sys

import lookalike
from lookalike import Box, Query


def main(folder: str, grades: str, picture: str, library_folder: str = "my-library") -> None:
    with lookalike.open(library_folder) as library:
        indexed = library.index([folder])
        print(f"{indexed.report.added} pictures added, {len(indexed.report.refused)} refused")
        for hit in library.search(Query.picture(picture, crop=Box(0.25, 0.25, 0.5, 0.5)), limit=5):
            print(hit.rank, f"{hit.closeness:.0f} %", hit.image.source)
        print("nDCG@10 before:", round(library.evaluate(grades).mean("nDCG@10"), 3))
        made = library.train("mine", on={"grades": 1.0}, judgements=grades)
        for one in made.measures:
            print(f"{one.measure} on held-out queries: {one.base:.3f} -> {one.new:.3f}")
        try:
            print(library.promote("mine", judgements=made.trained.held_out["grades"]).now.name, "answers now")
            print("nDCG@10 after:", round(library.evaluate(grades).mean("nDCG@10"), 3))
            print(library.rollback().now.name, "answers again")
        except lookalike.PromotionRefused as refused:
            print("not promoted:", refused)


if __name__ == "__main__":
    main(*sys.argv[1:])

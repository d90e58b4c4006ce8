"""What does `lookalike duplicates` take in a library of tens of thousands of images, and what does it find there?

    python benchmarks/copies_at_scale.py [--images 24000] [--folder DIR]

Images of the shared sets, in a drawn order, with altered copies of 900 of them, 100 in each way of copies.py, are
indexed with efficientnet-lite0, get keypoints, and are searched for copies by the commands that a user would run.
Reported are the time and memory of each command, how many of the planted copies are in the group of their original,
and all other pairs; 60 of those are drawn and written as contact sheets to DIR/sheets, to be looked at:
`copies_at_scale_looked_at.tsv` has the verdicts. Writes results/copies_at_scale.json and .md.

The folder keeps photos, the library and what commands gave, so a run that was stopped goes on.
"""

import argparse
import csv
import json
import tempfile
from collections import Counter
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw

from commands import command
from copies import ALTERATIONS, jpeg
from lookalike.training.chance import chance_for
from quality import RESULTS, unpacked

MODEL = "efficientnet-lite0"
SETS = {
    "diverse_photos": ("diverse_photos.tar", 11_000),
    "movielens_posters": ("movielens_posters.tar.gz", 3_000),
    "fashion_224": ("fashion_224.tar.gz", 2_000),
    "cifar10": ("cifar10.tar.gz", 60_000),
}
"""Archives, and the most images that are taken of each, the first sets first."""

ALTERED, LOOKED_AT = 100, 60
LEAST_SIDE = 150  # of what is altered, pixels
VERDICTS = Path(__file__).with_name("copies_at_scale_looked_at.tsv")


def photos(most, folder):
    """Files by their names, in a drawn order."""
    found = {}
    for name, (archive, limit) in SETS.items():
        root = unpacked(archive, folder / "sets")
        files = sorted(root.rglob("*.jpg"))
        drawn = chance_for("copies at scale", name).permutation(len(files))[:limit].tolist()
        for place in drawn[: max(most - len(found), 0)]:
            found[f"{name}/{files[place].relative_to(root)}"] = files[place]
    return found


def plant(found, folder):
    """The folder of all images: links to photos, and copies named ORIGINAL--ALTERATION."""
    images = folder / "images"
    if images.exists():
        return images
    making = folder / "images-unfinished"
    for name, file in found.items():
        link = making / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.hardlink_to(file)
    (making / "copies").mkdir(exist_ok=True)
    for number, name in enumerate(to_alter(found)):
        how = list(ALTERATIONS)[number % len(ALTERATIONS)]
        copy = making / "copies" / f"{name.replace('/', '__').removesuffix('.jpg')}--{how}.jpg"
        copy.write_bytes(jpeg(ALTERATIONS[how](Image.open(found[name]).convert("RGB"))))
    making.rename(images)
    return images


def to_alter(found):
    """Names of the images that are altered."""
    drawn_names = sorted(found, key=lambda name: chance_for("altered", name).random())
    large = (name for name in drawn_names if min(Image.open(found[name]).size) >= LEAST_SIDE)
    return list(islice(large, ALTERED * len(ALTERATIONS)))


def original(source, images):
    """The name of the image that a file of the library shows, and how it was altered, or nothing."""
    name = str(Path(source).relative_to(images))
    if not name.startswith("copies/"):
        return name, ""
    stem, how = name.removeprefix("copies/").removesuffix(".jpg").rsplit("--", 1)
    return f"{stem.replace('__', '/')}.jpg", how


def measured(folder, most):
    images, kept = plant(photos(most, folder), folder), folder / "took.json"
    took = json.loads(kept.read_text()) if kept.exists() else {}
    library = ["--library", folder / "library"]
    for name, arguments in {
        "index": ["index", images, "--model", MODEL],
        "keypoints": ["keypoints"],
        "duplicates": ["duplicates"],
    }.items():
        if name not in took:
            printed, took[name] = command([*arguments, *library])
            (folder / f"{name}.json").write_text(json.dumps(printed))
            kept.write_text(json.dumps(took))
    return judged(json.loads((folder / "duplicates.json").read_text()), images, took)


def judged(printed, images, took):
    """What was found, as a document."""
    planted, groups, others = Counter(), [], []
    for group in printed["groups"]:
        members = [original(one["source"], images) for one in (group["keep"], *group["copies"])]
        groups.append(dict.fromkeys(members, members[0]))
        kept = members[0]
        for member, copy in zip(members[1:], group["copies"], strict=True):
            if member[0] != kept[0]:
                others.append({"one": " ".join(kept), "other": " ".join(member), **about(copy)})
    group_of = {member: kept for group in groups for member, kept in group.items()}
    copies = [original(str(file), images) for file in (images / "copies").iterdir()]
    for name, how in copies:
        source = group_of.get((name, ""))
        planted[how] += source is not None and group_of.get((name, how)) == source
    same_bytes = sum(len(one["sources"]) - 1 for one in printed["same_bytes"])
    return {
        "command": "python benchmarks/copies_at_scale.py",
        "compared": printed["compared"],
        "same_bytes": same_bytes,
        "took": took,
        "planted": {how: {"found": planted[how], "of": sum(one[1] == how for one in copies)} for how in ALTERATIONS},
        "others": sorted(others, key=lambda pair: (pair["one"], pair["other"])),
    }


def about(copy):
    return {key: copy[key] for key in ("reason", "sure", "inliers")}


def drawn(others):
    """Pairs to look at."""
    order = chance_for("looked at", len(others)).permutation(len(others))[:LOOKED_AT]
    return [others[place] for place in sorted(order.tolist())]


def contact_sheets(pairs, images, into, on_one=30):
    """Pairs side by side, numbered, and the list of them."""
    into.mkdir(parents=True, exist_ok=True)
    rows = [(pair["one"].strip(), pair["other"].strip(), pair["reason"], pair["sure"]) for pair in pairs]
    (into / "pairs.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    for start in range(0, len(pairs), on_one):
        sheet = Image.new("RGB", (6 * 260, 5 * 150), "white")
        for place, pair in enumerate(pairs[start : start + on_one]):
            left, top = place % 6 * 260, place // 6 * 150
            for side, key in enumerate(("one", "other")):
                image = Image.open(file_of(pair[key], images)).convert("RGB").resize((124, 132))
                sheet.paste(image, (left + side * 126, top + 14))
            ImageDraw.Draw(sheet).text((left, top), f"{start + place} {pair['reason']} {pair['inliers']}", "black")
        sheet.save(into / f"pairs-{start // on_one}.png")


def file_of(told, images):
    name, _, how = told.partition(" ")
    if not how:
        return images / name
    return images / "copies" / f"{name.replace('/', '__').removesuffix('.jpg')}--{how}.jpg"


def verdicts():
    if not VERDICTS.exists():
        return {}
    with VERDICTS.open(newline="") as lines:
        return {(row["one"], row["other"]): row["verdict"] for row in csv.DictReader(lines, delimiter="\t")}


def page(found):
    known = verdicts()
    looked_at = Counter(known.get((pair["one"].strip(), pair["other"].strip()), "") for pair in drawn(found["others"]))
    copies = sum(one["of"] for one in found["planted"].values())
    grouped = sum(one["found"] for one in found["planted"].values())
    lines = [
        "# Copies in a large library",
        "",
        f"Made by `{found['command']}`, whose first lines say how: {found['compared']:,} images of the shared",
        f"sets, most of them 32 to 192 pixels wide, with {MODEL}; {found['same_bytes']:,} more files have the bytes of",
        "another. The machine was shared and busy, so read processor time, not time that passed.",
        "",
        "| command | processor time of one core | an image | memory at most |",
        "|---|--:|--:|--:|",
    ]
    for name, one in found["took"].items():
        each = 1_000 * one["seconds"] / found["compared"]
        lines.append(f"| `{name}` | {one['seconds'] / 60:.1f} min | {each:.1f} ms | {one['megabytes']:,} MB |")
    shares = ", ".join(f"{how} {one['found']}" for how, one in found["planted"].items())
    lines += [
        "",
        f"Of {copies} planted copies {grouped} ({grouped / copies:.1%}) are in the group of their original:",
        f"{shares},",
    ]
    lines += [f"of {ALTERED} each.", "", "## Other pairs", ""]
    by_set = Counter(tuple(sorted({pair[key].split("/")[0] for key in ("one", "other")})) for pair in found["others"])
    told = ", ".join(f"{' and '.join(sets)} {count}" for sets, count in by_set.most_common())
    lines.append(f"{len(found['others']):,} images were called copies of another that was not altered here: {told}.")
    if sum(looked_at.values()) > looked_at[""]:
        seen = ", ".join(f"{count} {verdict}" for verdict, count in looked_at.most_common() if verdict)
        lines.append(f"Of {sum(looked_at.values())} that were looked at (`benchmarks/{VERDICTS.name}`): {seen}.")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        found = measured(folder, options.images)
        contact_sheets(drawn(found["others"]), folder / "images", folder / "sheets")
    (RESULTS / "copies_at_scale.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "copies_at_scale.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()

"""Everything that somebody without permission can read of a library, and what none of it may tell."""

import random
from collections import Counter
from typing import Any

from serving.asking import TOKEN, picture

STEPS = ("hide", "block", "show", "delete", "upload", "publish", "collect", "restart", "tag", "hold", "release", "blur")
VISIBILITIES = {"hide": "private", "block": "blocked", "show": "public"}
DECISIONS = {"hold": "held", "release": "shown", "blur": "blurred"}
SHARED = ("shoe", "boot")


class World:
    """A library with some hidden images, its owner, and a stranger who reads all they can.

    Every image has a tag, an owner and a file name of its own, and shares tags with others.
    """

    def __init__(self, library, client_of, *, images=5):
        self.library = library
        self.client_of = client_of
        self.stranger = client_of(admin_token="correct horse")
        self.cursors = []
        self.seeds = {}
        for seed in range(images):
            self.upload(seed)
        self.step("hide", 0)
        self.step("collect", 1)

    def upload(self, seed):
        tags = (f"secret-tag-{seed}", SHARED[seed % 2])
        image, _ = self.library.indexer.add_upload(
            picture(seed), name=f"secret-name-{seed}.jpg", owner_id=f"secret-owner-{seed}", tags=tags
        )
        self.seeds[image.id] = seed

    def step(self, what, number):
        """Change the library, in a way that a hidden image could slip through."""
        catalog = self.library.catalog
        live = [image.id for image in catalog.images.browse(visibility=None, limit=100).images]
        chosen = live[number % len(live)]
        if what in VISIBILITIES or what in DECISIONS:
            self._hide_or_show(chosen, what)
        elif what == "delete" and len(live) > 3:
            self.stranger.delete(f"/v1/images/{chosen}", headers=TOKEN)
        elif what == "upload":
            self.upload(100 + number)
        elif what == "publish":
            self.library.publisher.publish(catalog.models.live())
        elif what == "collect":
            catalog.collections.add("things", live[: number % len(live) + 1])
        elif what == "tag":
            catalog.images.update(chosen, tags=(f"secret-tag-{self.seeds[chosen]}", *SHARED))
        elif what == "restart":
            self.stranger = self.client_of(admin_token="correct horse")
            self.library.engine.warm_up()

    def _hide_or_show(self, image_id, what):
        if what in VISIBILITIES:
            change = {"visibility": VISIBILITIES[what]}
            self.stranger.patch(f"/v1/images/{image_id}", json=change, headers=TOKEN)
        else:
            decision = {"images": [image_id], "state": DECISIONS[what]}
            self.stranger.post("/v1/moderation", json=decision, headers=TOKEN)

    def public(self):
        """By id; what waits for review is not public, whatever its record says."""
        catalog = self.library.catalog
        images = {image.id: image for image in catalog.images.browse(limit=1000).images}
        known = catalog.moderation.get(list(images))
        hidden = {one for one, about in known.items() if about.verdict.state.value in {"held", "blocked"}}
        return {one: image for one, image in images.items() if one not in hidden}

    def secrets(self):
        """Texts that no answer may contain."""
        public = self.public()
        hidden = [image_id for image_id in self.seeds if image_id not in public]
        told = [f"secret-{what}-{self.seeds[one]}" for one in hidden for what in ("tag", "owner", "name")]
        return [*hidden, *(f"{text}{end}" for text in told for end in '",.')]

    def answers(self):
        """(what was asked, answer) of every surface; ids that the request itself names are taken out of the answer."""
        ask = self.stranger
        for path in (
            "/v1/images?limit=200",
            "/v1/collections",
            "/v1/collections/things",
            "/v1/duplicates",
            "/v1/moderation",
            "/v1/moderation?state=blocked",
            "/metrics",
            "/readyz",
        ):
            yield path, ask.get(path).text
        first = ask.get("/v1/images?limit=1").json()["next_cursor"]
        if first:
            yield "outline", ask.get(f"/v1/images/outline?cursor={first}").text
        for tag in SHARED:
            yield f"tag {tag}", ask.get(f"/v1/images?tag={tag}").text
        for image_id, seed in self.seeds.items():
            yield from self._of_one(image_id, seed)
        for cursor in self.cursors:
            yield "later page", ask.post("/v1/search", json={"cursor": cursor, "limit": 50}).text

    def _of_one(self, image_id, seed):
        ask = self.stranger
        for path in ("", "/content", "/content?size=64"):
            answer = ask.get(f"/v1/images/{image_id}{path}")
            is_told = answer.status_code == 200 and image_id not in self.public()
            yield f"image{path}", image_id if is_told else answer.text.replace(image_id, "")
        tag, owner = f"secret-tag-{seed}", f"secret-owner-{seed}"
        chosen: dict[str, dict[str, Any]] = {
            "whole": {},
            "by tag": {"all_tags": [tag]},
            "by owner": {"owner": owner},
            "in a collection": {"collection": "things"},
            "by shared tag": {"any_tags": list(SHARED)},
        }
        for name, filters in chosen.items():
            answer = ask.search(picture(seed), facets="true", limit=50, **filters)
            yield f"search {name}", answer.text
            answer = ask.post("/v1/search", json={"image_id": image_id, "filters": filters, "facets": True, "limit": 2})
            yield (
                f"search by id {name}",
                answer.text.replace(image_id, "") if answer.status_code == 404 else answer.text,
            )
            if answer.status_code == 200 and answer.json()["next_cursor"]:
                self.cursors = [*self.cursors[-8:], answer.json()["next_cursor"]]
        event = {"event_id": f"e{seed}", "query_id": "none", "image_id": image_id, "position": 1, "kind": "click"}
        yield "event", ask.post("/v1/events", json={"events": [event]}).text.replace(image_id, "")
        change = ask.patch("/v1/collections/mine", json={"add": [image_id]})
        yield "change of a collection", change.text.replace(image_id, "")


def leaks(world):
    """What a stranger was told that they may not know, and counts that differ from those of public images."""
    secrets = world.secrets()
    found = [(what, secret) for what, text in world.answers() for secret in secrets if secret in text]
    return [*found, *wrong_counts(world)]


def wrong_counts(world):
    """(what, told, true) of numbers that count more than what is public."""
    public = world.public()
    members = set(world.library.catalog.collections.members("things")) & public.keys()
    tags = Counter(tag for image in public.values() for tag in image.tags if tag in SHARED)
    ask = world.stranger
    search = ask.search(picture(500), facets="true", limit=200).json()
    told = {
        "images of a list": (ask.get("/v1/images").json()["total"], len(public)),
        "images of a search": (search["images"], len(public)),
        "hits": (len(search["hits"]) + sum(len(hit["duplicates"]) for hit in search["hits"]), len(public)),
        "images of a collection": (
            {one["name"]: one["images"] for one in ask.get("/v1/collections").json()["collections"]}.get("things"),
            len(members),
        ),
        "images that are ready": (ask.get("/readyz").json()["images"], len(public)),
        **{f"tag {tag}": (ask.get(f"/v1/images?tag={tag}").json()["total"], tags[tag]) for tag in SHARED},
    }
    return [(what, *numbers) for what, numbers in told.items() if numbers[0] != numbers[1]]


def walk(world, steps):
    """Take the steps; what leaked behind the first one that made something leak."""
    for what, number in steps:
        world.step(what, number)
        found = leaks(world)
        if found:
            return (what, number), found
    return None


def random_steps(seed, count):
    rng = random.Random(seed)
    return [(rng.choice(STEPS), rng.randrange(20)) for _ in range(count)]

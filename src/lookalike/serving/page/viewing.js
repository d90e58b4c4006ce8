/** The large view: which picture, what comes before and after it, and its address. */

import * as api from "./api.js";
import { isBlurred } from "./blurring.js";
import { toast } from "./share.js";
import { listOf } from "./views.js";
import { byteText, factsOf, nameOf } from "./words.js";

/** @typedef {import("./elements/image-viewer.js").Viewed} Viewed */
/** @typedef {import("./subject.js").Subject} Subject */
/**
 * @typedef {object} Around  what the large view is opened over
 * @property {() => Subject|null} subject  the query picture, which comes before the first hit
 * @property {() => import("./views.js").View|null} view  null while it is loading
 * @property {(from: number, to: number) => Promise<void>} more  loads what stands at those ranks of the list
 * @property {(key: string) => void} looked  told which picture is looked at
 * @property {(key: string) => void} left  told which picture was looked at last
 */

const AHEAD = 4; // pictures before the end of the list when more are asked for
const UPRIGHT = new Set(["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"]); // as browsers show them
const MOST_BYTES = 40e6; // a larger original stays where it is

export class Viewing {
  #looking = new AbortController();
  #blobUrl = "";

  /** @param {import("./elements/image-viewer.js").ImageViewer} viewer @param {import("./state/trail.js").Trail} trail @param {Around} around */
  constructor(viewer, trail, around) {
    this.viewer = viewer;
    this.trail = trail;
    this.around = around;
    viewer.addEventListener("viewer-step", (event) => this.#step(/** @type {CustomEvent} */ (event).detail));
    viewer.addEventListener("viewer-close", () => this.#close());
  }

  /** @param {string} key */
  open(key) {
    this.trail.look(key);
    return this.follow();
  }

  /** Show what the address says: a picture, or none. */
  async follow() {
    this.#looking.abort();
    this.#looking = new AbortController();
    const { signal } = this.#looking;
    const key = this.trail.viewed;
    if (!key) return this.leave();
    const viewed = await this.#find(key, signal).catch(() => null);
    if (signal.aborted) return undefined;
    if (viewed) return this.#show(viewed);
    toast("That picture is not there.");
    return this.#close();
  }

  /** Only the view: the address is another one already. */
  leave() {
    const last = this.viewer.viewed?.key;
    if (this.viewer.hide() && last) this.around.left(last);
  }

  /** The list got longer, or came. */
  refresh() {
    const { viewed } = this.viewer;
    if (viewed) this.viewer.place = this.#placeOf(viewed.key);
  }

  #close() {
    this.leave();
    this.trail.lookAway();
  }

  /** From a picture that goes away: to the next, or the one before it. */
  stepAway() {
    const key = this.viewer.viewed?.key || "";
    const next = this.#keyAt(this.#rankOf(key) + 1) || this.#keyAt(this.#rankOf(key) - 1);
    if (next) this.open(next);
    else this.#close();
  }

  /** @param {Viewed} viewed */
  #show(viewed) {
    const rank = this.#rankOf(viewed.key);
    this.viewer.show(viewed, this.#placeOf(viewed.key));
    this.around.looked(viewed.key);
    for (const near of [rank + 1, rank - 1]) this.#preload(near);
    const [from, to] = [Math.max(rank - 1, 0), rank + 1 + AHEAD];
    if (rank >= 0 && !(this.#list.at(from) && this.#list.at(to - 1))) this.around.more(from, to).then(() => this.refresh(), () => undefined);
  }

  /** @param {number} step */
  #step(step) {
    const next = this.#keyAt(this.#rankOf(this.viewer.viewed?.key || "") + step);
    if (next) this.open(next);
  }

  get #list() {
    return listOf(this.around.view());
  }

  /** @returns {string} key of the query picture, which has the rank before the first */
  get #own() {
    const subject = this.around.subject();
    return subject?.image?.id || subject?.upload?.key || "";
  }

  /** @param {string} key @returns {number} from 0, -1 for the query picture; NaN where it is neither */
  #rankOf(key) {
    if (key === this.#own) return -1;
    const rank = this.#list.rankOf(key);
    return rank < 0 ? NaN : rank;
  }

  /** @param {number} rank @returns {string} empty where there is no picture */
  #keyAt(rank) {
    return rank === -1 ? this.#own : this.#list.at(rank)?.image.id || "";
  }

  /** @param {string} key @returns {import("./elements/image-viewer.js").Place} */
  #placeOf(key) {
    const rank = this.#rankOf(key);
    const total = this.around.view()?.total ?? this.#list.length;
    const words = Number.isNaN(rank) ? "" : rank < 0 ? "Query" : `${rank + 1} of ${total}`;
    return { words, previous: Boolean(this.#keyAt(rank - 1)), next: Boolean(this.#keyAt(rank + 1)) };
  }

  /** @param {string} key @param {AbortSignal} signal @returns {Promise<Viewed>} */
  async #find(key, signal) {
    const subject = this.around.subject();
    if (subject?.upload?.key === key) return this.#uploaded(subject.upload);
    const shown = this.#list.of(key);
    if (shown) return indexed(shown.image, shown.hit);
    return indexed(subject?.image?.id === key ? subject.image : await api.image(key, signal), null);
  }

  /** @param {import("./state/uploads.js").Upload} upload @returns {Viewed} */
  #uploaded({ key, name, blob, size, preview, indexedAs }) {
    URL.revokeObjectURL(this.#blobUrl);
    this.#blobUrl = preview ? "" : URL.createObjectURL(blob);
    const address = preview || this.#blobUrl;
    const facts = [`${size.width} × ${size.height}`, byteText(blob.size), indexedAs ? "in the library" : "not in the library"];
    return { key, name, low: address, high: address, sharp: null, size, facts, tags: [] };
  }

  /** @param {number} rank */
  #preload(rank) {
    const near = this.#list.at(rank);
    if (near) new Image().src = indexed(near.image, null).high;
  }
}

/** @param {api.Image} image @param {import("./api.js").Hit|null} hit @returns {Viewed} */
function indexed(image, hit) {
  const { width, height } = image;
  const sharp = UPRIGHT.has(image.media_type) && image.bytes <= MOST_BYTES ? api.contentUrl(image.id) : null;
  return {
    key: image.id,
    name: nameOf(image),
    low: api.thumbnails(image).src,
    high: api.contentUrl(image.id, 1024),
    sharp,
    size: { width, height },
    facts: factsOf(image, hit),
    tags: image.tags,
    blurred: isBlurred(image),
    outline: hit?.same_thing?.outline,
  };
}

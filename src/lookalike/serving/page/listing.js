/**
 * What a view lists, by rank. Of a long list only the shapes are known at first, a byte each, so that every place can be
 * computed; the pictures themselves come in blocks, when they are looked at.
 */

/** @typedef {import("./api.js").Image} Image */
/** @typedef {import("./api.js").Hit} Hit */
/** @typedef {{image: Image, hit: Hit|null}} Shown  a tile's content; `hit` is null when browsing */
/** @typedef {{from: number, to: number, cursor: string, state: "absent"|"coming"|"there"}} Block  ranks from 0, up to but without `to` */

const UNKNOWN = 128; // square
const STEPS = 255 / 4; // a shape is log2(height / width), from 1:4 to 4:1, in 255 steps

export class Listing {
  /** @type {(Shown|undefined)[]} */
  #shown = [];
  /** @type {Map<string, number>} rank by image id */
  #ranks = new Map();
  #shapes = new Uint8Array(64);
  /** @type {Block[]} by rank */
  #blocks = [];
  length = 0;
  /** Ids of the images whose duplicates are unfolded. @type {Set<string>} */
  unfolded = new Set();

  /** @param {Shown[]} first */
  constructor(first) {
    this.append(first);
  }

  /** @param {number} rank  from 0 @returns {Shown|undefined} undefined while it has not come */
  at(rank) {
    return this.#shown[rank];
  }

  /** @param {string} id @returns {number} from 0; -1 where it is not known */
  rankOf(id) {
    return this.#ranks.get(id) ?? -1;
  }

  /** @param {string} id @returns {Shown|undefined} */
  of(id) {
    return this.#shown[this.rankOf(id)];
  }

  /** @param {number} rank  from 0 @returns {number} height divided by width, rounded as in an outline */
  shapeAt(rank) {
    return 2 ** (this.#shapes[rank] / STEPS - 2);
  }

  /** @param {number} rank  from 0 @returns {boolean} whether it was asked for and is not there any more */
  isGone(rank) {
    return !this.#shown[rank] && this.#blockAt(rank)?.state === "there";
  }

  /** @param {Shown[]} more  the next ranks; what is listed already is left out */
  append(more) {
    for (const shown of more) {
      if (this.#ranks.has(shown.image.id)) continue;
      this.#makeRoom(this.length + 1);
      this.#shapes[this.length] = shapeOf(shown.image);
      this.#put(this.length, shown);
      this.length += 1;
    }
  }

  /** @param {{shapes: Uint8Array, cursors: string[], every: number}} outline  of all that follows */
  extend({ shapes, cursors, every }) {
    const start = this.length;
    this.#makeRoom(start + shapes.length);
    this.#shapes.set(shapes, start);
    this.length += shapes.length;
    cursors.forEach((cursor, block) => {
      const from = start + block * every;
      this.#blocks.push({ from, to: Math.min(from + every, this.length), cursor, state: "absent" });
    });
  }

  /** @param {number} from @param {number} to  ranks from 0 @returns {Block[]} those that reach into the stretch */
  blocksBetween(from, to) {
    let [low, high] = [0, this.#blocks.length]; // the first that ends after `from`
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#blocks[middle].to > from) high = middle;
      else low = middle + 1;
    }
    while (high < this.#blocks.length && this.#blocks[high].from < to) high += 1;
    return this.#blocks.slice(low, high);
  }

  /** @param {Block} block @param {Shown[]} shown  some may have been deleted since the outline was made: the last stay empty */
  fill(block, shown) {
    const fresh = shown.filter(({ image }) => !this.#ranks.has(image.id)).slice(0, block.to - block.from);
    fresh.forEach((one, place) => this.#put(block.from + place, one));
    block.state = "there";
  }

  /** @param {number} rank @param {Shown} shown */
  #put(rank, shown) {
    this.#shown[rank] = shown;
    this.#ranks.set(shown.image.id, rank);
  }

  /** @param {number} rank */
  #blockAt(rank) {
    return this.blocksBetween(rank, rank + 1)[0];
  }

  /** @param {number} length */
  #makeRoom(length) {
    if (length <= this.#shapes.length) return;
    const roomier = new Uint8Array(Math.max(length, 2 * this.#shapes.length));
    roomier.set(this.#shapes);
    this.#shapes = roomier;
  }
}

/** @param {Image} image @returns {number} a byte, as the server makes them for outlines */
function shapeOf({ width, height }) {
  if (!width || !height) return UNKNOWN;
  return Math.min(Math.max(Math.round((Math.log2(height / width) + 2) * STEPS), 0), 255);
}

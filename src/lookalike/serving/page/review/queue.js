/** The images to review, as far as they were read, and which of them is looked at. */

import { call } from "../api.js";

/** @typedef {"shown"|"blurred"|"held"|"blocked"} State */
/**
 * @typedef {object} Entry  as `GET /v1/moderation` answers
 * @property {import("../api.js").Image} image
 * @property {State} state
 * @property {string} reason
 * @property {Record<string, number>} scores
 * @property {string} since
 * @property {string|null} decided_by
 */

const AHEAD = 5; // entries that are there before they are looked at

export class Queue {
  /** @type {Entry[]} */
  entries = [];
  place = 0;
  /** How many there are; null before it is known. @type {number|null} */
  total = null;
  /** @type {string|null} */
  #cursor = null;
  #isWhole = false;
  /** @type {{entry: Entry, place: number}[]} */
  #decided = [];

  /** @param {State} state */
  constructor(state) {
    this.state = state;
  }

  /** @returns {Entry|null} */
  get current() {
    return this.entries[this.place] || null;
  }

  get canUndo() {
    return this.#decided.length > 0;
  }

  /** Read on, until a few more than the present entry are there. */
  async fill() {
    while (!this.#isWhole && this.entries.length <= this.place + AHEAD) {
      const wanted = new URLSearchParams({ state: this.state, ...(this.#cursor && { cursor: this.#cursor }) });
      const page = await call(`v1/moderation?${wanted}`);
      this.total = page.counts[this.state];
      this.#cursor = page.next_cursor;
      this.#isWhole = !page.next_cursor;
      const known = new Set([...this.entries, ...this.#decided.map((one) => one.entry)].map((entry) => entry.image.id));
      this.entries.push(...page.images.filter((entry) => !known.has(entry.image.id)));
    }
  }

  /** @param {1|-1} step */
  move(step) {
    this.place = Math.min(Math.max(this.place + step, 0), Math.max(this.entries.length - 1, 0));
  }

  /** The present entry gets that state, and leaves unless it has it. @param {State} state */
  async decide(state) {
    const entry = this.current;
    if (!entry || state === this.state) return;
    this.total = (await decided(entry.image.id, state)).counts[this.state];
    const place = this.entries.indexOf(entry);
    this.entries.splice(place, 1);
    this.#decided.push({ entry, place });
    this.place = Math.min(this.place, Math.max(this.entries.length - 1, 0));
  }

  /** The last entry that left comes back. @returns {Promise<boolean>} whether there was one */
  async undo() {
    const last = this.#decided.pop();
    if (!last) return false;
    try {
      this.total = (await decided(last.entry.image.id, this.state)).counts[this.state];
    } catch (error) {
      this.#decided.push(last);
      throw error;
    }
    this.place = Math.min(last.place, this.entries.length);
    this.entries.splice(this.place, 0, last.entry);
    return true;
  }
}

/** @param {string} id @param {State} state @returns {Promise<{counts: Record<State, number>}>} */
function decided(id, state) {
  const headers = { "Content-Type": "application/json" };
  return call("v1/moderation", { method: "POST", headers, body: JSON.stringify({ images: [id], state }) });
}

/** Fetches the blocks of a long list that are looked at, and drops requests for what was scrolled past. */

import { loadBlock } from "./views.js";

/** @typedef {import("./listing.js").Block} Block */

export class Blocks {
  /** @type {Map<Block, AbortController>} */
  #coming = new Map();

  /** @param {() => void} came  a block has its pictures @param {(error: any) => void} failed */
  constructor(came, failed) {
    this.came = came;
    this.failed = failed;
  }

  /** @param {import("./views.js").View} view @param {{from: number, to: number}} stretch  ranks that are looked at */
  async want(view, { from, to }) {
    const wanted = view.list.blocksBetween(from, to);
    for (const [block, loading] of this.#coming) if (!wanted.includes(block)) loading.abort();
    await Promise.all(wanted.filter(({ state }) => state === "absent").map((block) => this.#load(view, block)));
  }

  /** @param {import("./views.js").View} view @param {Block} block */
  async #load(view, block) {
    const loading = new AbortController();
    this.#coming.set(block, loading);
    try {
      await loadBlock(view, block, loading.signal);
      this.came();
    } catch (error) {
      if (!loading.signal.aborted) this.failed(error);
    } finally {
      this.#coming.delete(block);
    }
  }
}

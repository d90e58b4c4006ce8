/** Dwell: the seconds somebody looked at what they clicked, until they returned, went on or left. */

/** @typedef {import("./log.js").Shown} Shown */

const DAY = 86_400; // seconds: the most that is taken

export class Dwell {
  /** @type {Shown|null} */
  #shown = null;
  #seconds = 0;
  #since = 0;

  /** @param {(shown: Shown, seconds: number) => void} ended */
  constructor(ended) {
    this.ended = ended;
    document.addEventListener("visibilitychange", () => this.#pauseOrResume());
  }

  /** @param {Shown} shown  the hit that was clicked */
  start(shown) {
    this.end();
    this.#shown = shown;
    this.#seconds = 0;
    this.#since = performance.now();
  }

  end() {
    if (!this.#shown) return;
    this.#add();
    const shown = this.#shown;
    this.#shown = null;
    this.ended(shown, Math.min(Math.round(this.#seconds * 1000) / 1000, DAY));
  }

  #pauseOrResume() {
    if (!this.#shown) return;
    if (document.hidden) this.#add();
    else this.#since = performance.now();
  }

  #add() {
    if (this.#since) this.#seconds += (performance.now() - this.#since) / 1000;
    this.#since = 0; // hidden time does not count
  }
}

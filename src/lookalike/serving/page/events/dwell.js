/**
 * Dwell: the seconds somebody looked at a suggested picture, until they returned, went on or left. Only time counts in
 * which the page is visible and has the focus.
 */

/** @typedef {import("./log.js").Shown} Shown */

const MOST = 1800; // seconds: beyond, nobody is there any more

class Look {
  seconds = 0;
  #since = 0;

  /** @param {Shown} shown */
  constructor(shown) {
    this.shown = shown;
  }

  resume() {
    if (document.hidden || !document.hasFocus()) return;
    this.#since ||= performance.now();
  }

  pause() {
    if (this.#since) this.seconds += (performance.now() - this.#since) / 1000;
    this.#since = 0;
  }
}

export class Dwell {
  /** @type {Look[]} what is looked at is the last; the others wait behind it until it is closed */
  #looks = [];

  /** @param {(shown: Shown, seconds: number) => void} ended */
  constructor(ended) {
    this.ended = ended;
    const follow = () => this.#current?.[document.hidden || !document.hasFocus() ? "pause" : "resume"]();
    document.addEventListener("visibilitychange", follow);
    addEventListener("blur", () => this.#current?.pause());
    addEventListener("focus", follow);
  }

  get #current() {
    return this.#looks.at(-1);
  }

  /** @param {Shown} shown  the hit that was opened: what was looked at before is not any more */
  start(shown) {
    this.end();
    this.#push(shown);
  }

  /** @param {Shown} shown  a hit that is shown over the page */
  startOver(shown) {
    this.#current?.pause();
    this.#push(shown);
  }

  /** What was shown over the page is closed. */
  endOver() {
    this.#pop();
    this.#current?.resume();
  }

  end() {
    while (this.#looks.length) this.#pop();
  }

  /** @param {Shown} shown */
  #push(shown) {
    const look = new Look(shown);
    this.#looks.push(look);
    look.resume();
  }

  #pop() {
    const look = this.#looks.pop();
    if (!look) return;
    look.pause();
    this.ended(look.shown, Math.min(Math.round(look.seconds * 1000) / 1000, MOST));
  }
}

/** Whether the server answers. Whoever met a failure waits here; the server is asked until it answers again. */

const FIRST_WAIT = 1000; // ms
const LONGEST_WAIT = 15_000;
const PATIENCE = 10_000; // with one request

export class Connection {
  #wait = FIRST_WAIT;
  #timer = 0;
  #asking = false;
  /** @type {(() => void)[]} */
  #waiting = [];
  /** Whether the last request found no server. */
  lost = false;

  /** @param {string} url  answers quickly when the server is there @param {() => void} changed  `lost` is another now */
  constructor(url, changed) {
    this.url = url;
    this.changed = changed;
    addEventListener("online", () => this.#askNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#askNow());
  }

  /** @returns {Promise<void>} when the server answers, which may be at once */
  answers() {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#timer) this.#ask();
    });
  }

  #askNow() {
    if (!this.#timer) return;
    this.#wait = FIRST_WAIT;
    this.#ask();
  }

  async #ask() {
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    this.#timer = 0;
    const options = { cache: /** @type {RequestCache} */ ("no-store"), signal: AbortSignal.timeout(PATIENCE) };
    const isThere = await fetch(this.url, options).then(({ ok }) => ok, () => false);
    this.#asking = false;
    if (isThere) this.#found();
    else this.#missed();
  }

  #found() {
    this.#wait = FIRST_WAIT;
    this.#become(false);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #missed() {
    this.#timer = setTimeout(() => this.#ask(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    this.#become(true);
  }

  /** @param {boolean} lost */
  #become(lost) {
    if (lost === this.lost) return;
    this.lost = lost;
    this.changed();
  }
}

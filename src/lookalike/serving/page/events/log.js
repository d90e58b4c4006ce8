/** Impressions, clicks and dwell times on their way to the server: batched, retried, each stored once. */

import { uuid } from "../dom.js";

/** @typedef {{queryId: string, imageId: string, position: number}} Shown  one hit of one query */
/** @typedef {{event: object, at: number}} Waiting  ms since 1970 by this device's clock */

const FRESH = 10_000; // ms: what is sent this soon is timed by the server, whose clock is right
const BATCH = 100; // a beacon may carry 64 kB
const WAIT = 2000;
const LONGEST_WAIT = 60_000;
const PATIENCE = 30_000; // with one request: what hangs must not hold back the rest
const LATE = 120_000; // ms: a query may become known to the worker that is asked a moment after its answer

export class EventLog {
  /** @type {Waiting[]} */
  #waiting = [];
  #timer = 0;
  #pause = WAIT;
  #sending = false;

  /** @param {string} url */
  constructor(url) {
    this.url = url;
    document.addEventListener("visibilitychange", () => document.hidden && this.leave());
    addEventListener("online", () => this.#flush());
  }

  /**
   * @param {"impression"|"click"|"dwell"} kind @param {Shown} shown
   * @param {{dwell_seconds?: number}} [more]
   */
  record(kind, { queryId, imageId, position }, more = {}) {
    const event = { event_id: uuid(), query_id: queryId, image_id: imageId, position, kind, ...more };
    this.#waiting.push({ event, at: Date.now() });
    this.#later();
  }

  /** The page may be gone a moment from now: hand everything to the browser. */
  leave() {
    while (this.#waiting.length) {
      const batch = this.#waiting.slice(0, BATCH);
      const body = new Blob([bodyOf(batch)], { type: "application/json" });
      if (!navigator.sendBeacon(this.url, body)) return;
      this.#waiting.splice(0, batch.length);
    }
  }

  #later() {
    this.#timer ||= setTimeout(() => this.#flush(), this.#pause);
  }

  async #flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#sending || !this.#waiting.length) return;
    this.#sending = true;
    const unsent = await this.#send(this.#waiting.splice(0, BATCH));
    this.#sending = false;
    this.#waiting.unshift(...unsent);
    this.#pause = unsent.length ? Math.min(this.#pause * 2, LONGEST_WAIT) : WAIT;
    if (this.#waiting.length) this.#later();
  }

  /** @param {Waiting[]} batch @returns {Promise<Waiting[]>} what is worth trying again */
  async #send(batch) {
    try {
      const headers = { "Content-Type": "application/json" };
      const options = { method: "POST", headers, body: bodyOf(batch), keepalive: true, signal: AbortSignal.timeout(PATIENCE) };
      const { ok, status } = await fetch(this.url, options);
      if (ok) return [];
      if (status >= 500 || status === 429 || status === 408) return batch;
    } catch {
      return batch;
    }
    // Refused. The query or the image of an old event is not known any more; that of a young one may not be known yet.
    if (batch.length === 1) return batch.filter(({ at }) => Date.now() - at < LATE);
    const middle = batch.length >> 1;
    const first = await this.#send(batch.slice(0, middle));
    return [...first, ...(await this.#send(batch.slice(middle)))];
  }
}

/** @param {Waiting[]} batch @returns {string} */
function bodyOf(batch) {
  const now = Date.now();
  const timed = ({ event, at }) => (now - at < FRESH ? event : { ...event, at: new Date(at).toISOString() });
  return JSON.stringify({ events: batch.map(timed) });
}

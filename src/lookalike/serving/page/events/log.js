/** What people see and do on its way to the server: batched, retried, each stored once. */

import { uuid } from "../dom.js";
import { visitor } from "./visitor.js";

/** @typedef {{row: number, column: number, fold: number, x: number, y: number}} Where  a tile in the grid and on the screen */
/** @typedef {{queryId: string, imageId: string, position: number, where?: () => Where|null}} Shown  one hit of one query */
/** @typedef {{event: object, at: number}} Waiting  ms since 1970 by this device's clock */

const BATCH = 100; // events: a beacon may carry 64 kB
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
   * @param {"impression"|"click"|"dwell"|"save"|"not_similar"} kind @param {Shown} shown
   * @param {{dwell_seconds?: number}} [more]
   */
  record(kind, { queryId, imageId, position, where }, more = {}) {
    const hit = { query_id: queryId, image_id: imageId, position, ...where?.() };
    const event = { event_id: uuid(), kind, ...hit, ...visitor(), ...more };
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
      const response = await fetch(this.url, options);
      if (response.ok) return [];
      if (response.status >= 500 || response.status === 429 || response.status === 408) return batch;
      return worthTrying(batch, await response.json().catch(() => ({})));
    } catch {
      return batch;
    }
  }
}

/**
 * The others of a batch are stored. A query may become known a moment later than its first events.
 * @param {Waiting[]} batch @param {{errors?: {field: string, reason?: string}[]}} problem
 */
function worthTrying(batch, { errors = [] }) {
  const early = errors.filter(({ reason }) => reason === "unknown-query").map(({ field }) => Number(/\d+/.exec(field)?.[0]));
  return batch.filter(({ at }, number) => early.includes(number) && Date.now() - at < LATE);
}

/** @param {Waiting[]} batch @returns {string} how long ago each happened, since the server's clock is the right one */
function bodyOf(batch) {
  const now = Date.now();
  const timed = ({ event, at }) => ({ ...event, seconds_ago: Math.max(now - at, 0) / 1000 });
  return JSON.stringify({ events: batch.map(timed) });
}

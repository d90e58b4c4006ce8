/** Impressions, clicks and dwell times on their way to the server: batched, retried, each stored once. */

import { uuid } from "../dom.js";

/** @typedef {{queryId: string, imageId: string, position: number}} Shown  one hit of one query */

const BATCH = 100; // a beacon may carry 64 kB
const WAIT = 2000;
const LONGEST_WAIT = 60_000;

export class EventLog {
  /** @type {object[]} */
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
    const at = new Date().toISOString();
    this.#waiting.push({ event_id: uuid(), query_id: queryId, image_id: imageId, position, kind, at, ...more });
    this.#later();
  }

  /** The page may be gone a moment from now: hand everything to the browser. */
  leave() {
    while (this.#waiting.length) {
      const batch = this.#waiting.slice(0, BATCH);
      const body = new Blob([JSON.stringify({ events: batch })], { type: "application/json" });
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
    const batch = this.#waiting.splice(0, BATCH);
    const done = await this.#send(batch);
    this.#sending = false;
    if (!done) this.#waiting.unshift(...batch);
    this.#pause = done ? WAIT : Math.min(this.#pause * 2, LONGEST_WAIT);
    if (this.#waiting.length) this.#later();
  }

  /** @param {object[]} batch @returns {Promise<boolean>} false when it is worth trying again */
  async #send(batch) {
    try {
      const headers = { "Content-Type": "application/json" };
      const options = { method: "POST", headers, body: JSON.stringify({ events: batch }), keepalive: true };
      const { ok, status } = await fetch(this.url, options);
      if (ok) return true;
      if (status >= 500 || status === 429 || status === 408) return false;
    } catch {
      return false;
    }
    if (batch.length === 1) return true; // refused for good: its query or image is no longer known
    const middle = batch.length >> 1;
    const first = await this.#send(batch.slice(0, middle));
    return (await this.#send(batch.slice(middle))) && first;
  }
}

/** Copies over HTTP. */

import { call } from "../api.js";

/** @typedef {import("../api.js").Image} Image */
/** @typedef {"likely"|"very-likely"|"certain"} Sure */
/**
 * @typedef {object} Copy
 * @property {Image} image
 * @property {"same-look"|"turned"|"same-details"|"same-details-mirrored"} reason
 * @property {Sure} sure
 * @property {string|null} turn
 * @property {number|null} inliers
 */
/** @typedef {{keep: Image, copies: Copy[]}} Group */
/** @typedef {{running: boolean, compared: number, images: number, fault: string|null, notes: string[]}} Search */
/** @typedef {{groups: Group[], total: number, copies: number, next_cursor: string|null, search: Search}} Page */
/** @typedef {{keep: string, copies: string[]}} Chosen  ids */

const AT_ONCE = { groups: 100, copies: 1000 }; // the most that one request may change

/** @param {{keep: string, sure: string, cursor?: string|null, limit?: number}} options @returns {Promise<Page>} */
export function listCopies({ keep, sure, cursor, limit = 20 }) {
  const wanted = new URLSearchParams({ keep, sure, limit: String(limit), ...(cursor && { cursor }) });
  return call(`v1/duplicates?${wanted}`);
}

/** @returns {Promise<Search>} */
export function lookForCopies() {
  return call("v1/duplicates/search", { method: "POST" });
}

/**
 * Hide copies, or say which would be.
 * @param {Chosen[]} groups @param {{dryRun: boolean}} how @returns {Promise<string[]>} ids
 */
export async function hideCopies(groups, { dryRun }) {
  const changed = [];
  for (const some of inTurns(groups)) {
    const body = JSON.stringify({ action: "hide", groups: some, dry_run: dryRun });
    const answer = await call("v1/duplicates", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    changed.push(...answer.changed);
  }
  return changed;
}

/** @param {Chosen[]} groups @returns {Chosen[][]} as many at once as one request may have */
function inTurns(groups) {
  /** @type {Chosen[][]} */
  const turns = [];
  let copies = Infinity;
  for (const group of groups) {
    copies += group.copies.length;
    if (copies > AT_ONCE.copies || turns[turns.length - 1].length >= AT_ONCE.groups) {
      turns.push([]);
      copies = group.copies.length;
    }
    turns[turns.length - 1].push(group);
  }
  return turns;
}

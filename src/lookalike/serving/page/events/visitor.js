/**
 * Whose events these are, without saying who that is: random names of this browser and of one visit. They are made here,
 * belong to no account, and are gone when the browser's data for this site is deleted.
 */

import { uuid } from "../dom.js";

const CLIENT = "lookalike.client";
const SESSION = "lookalike.session";
const VISIT = 30 * 60_000; // ms without an event after which a visit is over

/** @returns {{session_id: string, client_id?: string}} no client where the browser asks not to be tracked */
export function visitor() {
  const session_id = sessionId();
  if (/** @type {any} */ (navigator).globalPrivacyControl || navigator.doNotTrack === "1") return { session_id };
  return { session_id, client_id: clientId() };
}

let remembered = { id: "", at: 0 }; // where storage is switched off

function sessionId() {
  const now = Date.now();
  const last = read(() => sessionStorage, SESSION) || remembered;
  const id = last.id && now - last.at < VISIT ? last.id : uuid();
  remembered = { id, at: now };
  write(() => sessionStorage, SESSION, remembered);
  return id;
}

function clientId() {
  const kept = read(() => localStorage, CLIENT);
  if (kept?.id) return kept.id;
  const id = uuid();
  write(() => localStorage, CLIENT, { id });
  return id;
}

/** @param {() => Storage} storage @param {string} name @returns {any} */
function read(storage, name) {
  try {
    return JSON.parse(storage().getItem(name) || "null");
  } catch {
    return null;
  }
}

/** @param {() => Storage} storage @param {string} name @param {object} value */
function write(storage, name, value) {
  try {
    storage().setItem(name, JSON.stringify(value));
  } catch {
    // storage is switched off
  }
}

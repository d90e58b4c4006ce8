/** Who is signed in as the owner, in this tab until it is closed. */

const STORE = "lookalike.owner";

/**
 * @typedef {object} Session
 * @property {string} token  empty where none is needed: everybody may change, or the browser's key allows it
 * @property {boolean} [sees]  whether the browser's key shows hidden pictures, too
 */

/** @returns {Session|null} */
export function session() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE) || "null");
  } catch {
    return null;
  }
}

/** @param {Session|null} session  null to sign out */
export function keepSession(session) {
  if (session) sessionStorage.setItem(STORE, JSON.stringify(session));
  else sessionStorage.removeItem(STORE);
}

const DELETING = "lookalike.deleting";

/** @returns {string[]} ids that are deleted when the time to undo it is over, also by the next page of this tab */
export function deleting() {
  try {
    return JSON.parse(sessionStorage.getItem(DELETING) || "[]");
  } catch {
    return [];
  }
}

/** @param {string[]} ids */
export function keepDeleting(ids) {
  sessionStorage.setItem(DELETING, JSON.stringify(ids));
}

/** @returns {Record<string, string>} what a request for a change carries; no cookie, so that no other site can send it */
export function ownerHeaders() {
  const token = session()?.token;
  return token ? { Authorization: `Bearer ${token}` } : {};
}

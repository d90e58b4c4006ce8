/** What the page says: counts, empty places, faults. */

import { closenessOf, counted } from "./words.js";

/** @typedef {import("./views.js").View} View */
/** @typedef {{title: string, text: string, code?: string, action?: {words: string, act: () => void}, alarming?: boolean}} Notice */

/** @param {boolean} online @param {boolean} lost  the server does not answer @returns {string} empty when all is well */
export function connectionWords(online, lost) {
  if (!online) return "You are offline. What is on the page stays; searching goes on when the connection is back.";
  return lost ? "The server does not answer. What is on the page stays; it is asked again until it does." : "";
}

/** @param {View} view @returns {boolean} whether even the first hit is not close */
export function isWeak(view) {
  if (view.list.at(0)?.hit?.same_thing) return false;
  return ["none", "loose"].includes(view.list.at(0)?.hit?.match ?? "");
}

/** @param {View} view @returns {string} under the heading */
export function summaryOf(view) {
  if (view.verified) return verifiedWords(view);
  if (isWeak(view)) return "No close match in this library – these are the nearest.";
  const order = view.queryId ? "Closest first" : "Newest first";
  return view.total === null ? order : `${counted(view.total, "picture")}, ${order.toLowerCase()}`;
}

/** @param {View} view  whose hits were to be verified; those that were come first @returns {string} */
function verifiedWords(view) {
  let count = 0;
  while (view.list.at(count)?.hit?.same_thing) count += 1;
  if (!count) return "The very same thing was not found – these are the nearest.";
  return `${counted(count, "picture")} of the very same thing, then the closest`;
}

/** @param {View} view @returns {string} read out when it appears */
export function spoken(view) {
  if (!view.list.length) return "No pictures";
  const count = counted(view.total ?? view.list.length, view.queryId ? "result" : "picture");
  const hit = view.list.at(0)?.hit;
  if (!hit) return count;
  if (view.verified) return verifiedWords(view);
  return isWeak(view) ? `${count}. No close match` : `${count}. The first: ${closenessOf(hit).words}`;
}

/** @param {View} view  without pictures @param {() => void} browse @param {() => void} clear @returns {Notice} */
export function emptyNotice(view, browse, clear) {
  if (view.filtered) return { title: "No picture meets the filters", text: "Take some of them away.", action: { words: "Clear filters", act: clear } };
  const action = { words: "Browse the library", act: browse };
  if (view.queryId) return { title: "Nothing to compare with yet", text: "There is no other picture in this library.", action };
  if (view.tag) return { title: "No picture has this tag", text: `Nothing is tagged “${view.tag}”.`, action };
  return {
    title: "This library is empty",
    text: "Point lookalike at a folder of pictures, then reload this page. Or drop a picture here and add it.",
    code: "lookalike index ~/Pictures",
  };
}

/** @param {import("./api.js").Problem} problem @param {{retry: () => void, browse: () => void}} ways @returns {Notice} */
export function problemNotice(problem, { retry, browse }) {
  const gone = problem.status === 404;
  const action = gone ? { words: "Browse the library", act: browse } : { words: "Try again", act: retry };
  return { title: problem.title, text: problem.message, action, alarming: true };
}

/** @param {() => void} choose @returns {Notice} */
export function lostNotice(choose) {
  return {
    title: "This picture is not here any more",
    text:
      "Pictures that are only searched by stay for a while in the browser that chose them." +
      " Choose it again, and add it to the library to keep its link working.",
    action: { words: "Choose a picture", act: choose },
  };
}

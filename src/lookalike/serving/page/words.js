/** What the page says about numbers. */

/** @typedef {import("./api.js").Hit} Hit */

const MATCHES = {
  duplicate: { words: "Nearly the same", bars: 4 },
  "very-close": { words: "Very close", bars: 3 },
  close: { words: "Close", bars: 2 },
  loose: { words: "Loosely related", bars: 1 },
  none: { words: "Not close", bars: 0 },
};

/** @param {Hit} hit @returns {{words: string, bars: number, detail: string}} bars of four */
export function closenessOf(hit) {
  const { words, bars } = MATCHES[hit.match] || MATCHES.none;
  return { words, bars, detail: `Closeness ${Math.floor(hit.closeness)} of 100 in this library (cosine ${hit.cosine.toFixed(3)})` };
}

/** @param {Hit} hit @returns {string} empty where it was not verified to show the very same thing */
export function sameThingOf(hit) {
  return hit.same_thing ? `The very same thing: ${counted(hit.same_thing.inliers, "matching detail")}` : "";
}

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en-GB")} ${count === 1 ? one : many}`;
}

/** @param {number} bytes */
export function byteText(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {{id: string, source_name: string|null}} image */
export function nameOf(image) {
  return image.source_name || `picture ${image.id.slice(0, 8)}`;
}

/** @param {string|undefined} moment  ISO time @returns {string} its day; empty where it is unknown */
export function dateText(moment) {
  const day = new Date(moment || NaN);
  return Number.isNaN(day.getTime()) ? "" : day.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

/** @param {string} mediaType */
function shortType(mediaType) {
  return (mediaType || "").replace(/^image\//, "").toUpperCase();
}

/** @param {import("./api.js").Image} image @param {Hit|null} [hit] @returns {string[]} */
export function factsOf(image, hit = null) {
  const added = dateText(image.uploaded_at);
  return [
    (hit && sameThingOf(hit)) || (hit ? closenessOf(hit).words : ""),
    image.width ? `${image.width} × ${image.height}` : "",
    shortType(image.media_type),
    byteText(image.bytes),
    added && `added ${added}`,
    image.folder || "",
  ].filter(Boolean);
}

/** What hits have to meet: as the address holds it, and as the API takes it. */

/**
 * @typedef {object} Filters  an empty text asks for nothing
 * @property {string[]} tags  all of them
 * @property {string} orientation
 * @property {string} colour  `#rrggbb`
 * @property {string} owner
 * @property {string} collection
 * @property {string} from  day of the upload, as in `2026-11-30`, in UTC
 * @property {string} to  likewise, included
 */

const TEXTS = ["orientation", "colour", "owner", "collection", "from", "to"];
const DAY = /^\d{4}-\d\d-\d\d$/;
const COLOUR = /^#[0-9a-f]{6}$/i;

/** @returns {Filters} */
export function noFilters() {
  return { tags: [], orientation: "", colour: "", owner: "", collection: "", from: "", to: "" };
}

/** @param {Filters|null} filters @returns {number} how many conditions there are */
export function countOf(filters) {
  return filters ? filters.tags.length + TEXTS.filter((name) => filters[name]).length : 0;
}

/** @param {URLSearchParams} query @returns {Filters|null} null where nothing is asked for */
export function parseFilters(query) {
  const filters = noFilters();
  filters.tags = [...new Set((query.get("tags") || "").split(",").filter(Boolean))];
  for (const name of TEXTS) filters[name] = query.get(name) || "";
  if (!["", "landscape", "portrait", "square"].includes(filters.orientation)) filters.orientation = "";
  if (!COLOUR.test(filters.colour)) filters.colour = "";
  for (const name of ["from", "to"]) if (!DAY.test(filters[name]) || Number.isNaN(Date.parse(filters[name]))) filters[name] = "";
  return countOf(filters) ? filters : null;
}

/** @param {Filters|null} filters @returns {string[]} parts of an address */
export function filterParts(filters) {
  if (!filters) return [];
  const tags = filters.tags.length ? [`tags=${filters.tags.map(encodeURIComponent).join(",")}`] : [];
  return [...tags, ...TEXTS.filter((name) => filters[name]).map((name) => `${name}=${encodeURIComponent(filters[name])}`)];
}

/** @param {Filters|null} filters @returns {Record<string, string|string[]>} fields of the API */
export function filterFields(filters) {
  if (!filters) return {};
  const { tags, orientation, colour, owner, collection, from, to } = filters;
  const until = to && new Date(Date.parse(to) + 86_400_000).toISOString();
  const fields = { orientation, colour, owner, collection, uploaded_from: from && `${from}T00:00:00Z`, uploaded_to: until };
  return { ...(tags.length && { all_tags: tags }), ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value)) };
}

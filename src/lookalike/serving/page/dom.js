/** Building nodes without markup strings: nothing from a server or a file name is ever parsed as HTML. */

/**
 * Make an element. Properties that the element has are set, the rest become attributes; null, undefined and
 * false are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node|string|null|undefined)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !name.startsWith("aria")) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * Tell whoever listens further up.
 * @param {EventTarget} from
 * @param {string} type
 * @param {any} [detail]
 */
export function emit(from, type, detail) {
  from.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
}

/** @returns {string} 32 random hex digits with dashes; `crypto.randomUUID` exists only over https and on localhost. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** @param {Event} event @returns {boolean} whether the keystroke or click belongs to what is being typed */
export function isTyping(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=file]), textarea, select"));
}

/** @param {MouseEvent} event @returns {boolean} an ordinary click, not one that asks for a new tab or window */
export function isPlainClick(event) {
  return event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
}

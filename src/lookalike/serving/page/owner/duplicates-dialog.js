/**
 * <duplicates-dialog>: groups of copies as rows of pictures, with why and how sure; to hide or delete copies, after it
 * was said which. Up and Down go from group to group, H hides, Delete deletes, K keeps all.
 */

import { el, isTyping } from "../dom.js";
import { icon } from "../icons.js";
import { counted } from "../words.js";
import { hideCopies, listCopies, lookForCopies } from "./copies.js";
import { CopyRow } from "./copy-row.js";

/** @typedef {import("./copies.js").Search} Search */
/** @typedef {"hide"|"delete"} Action */

const PAUSE = 1000; // ms between two questions how far the search is
const KEPT = { largest: "the largest", oldest: "the oldest", newest: "the newest" };
const SURE = { likely: "all copies", "very-likely": "very likely copies", certain: "certain copies" };
const DOING = { hide: "hidden", delete: "deleted from the library" };

export class DuplicatesDialog extends HTMLElement {
  /** @type {(action: Action, ids: string[]) => void} told what was hidden, to be shown again or deleted later */
  onHidden = () => undefined;
  /** @type {CopyRow[]} */
  #rows = [];
  /** @type {string|null} */
  #cursor = null;
  #timer = 0;
  #asked = 0; // counts what is loaded: of two answers only the later counts

  connectedCallback() {
    this.status = el("p", { className: "dialog-text", role: "status" });
    this.keep = choice("Keep", KEPT, () => this.#load());
    this.sure = choice("Show", SURE, () => this.#load());
    this.search = tool("similar", "Look for copies", () => this.#search());
    this.certain = tool("hide", "Hide all certain copies", () => this.#propose("hide", this.#rows.filter((row) => row.isCertain)));
    this.proposal = el("div", { className: "copy-proposal", role: "alertdialog", "aria-labelledby": "copy-proposal-words", hidden: true });
    this.list = el("ol", { className: "copy-groups" });
    this.more = el("button", { type: "button", className: "button", onclick: () => this.#more() }, "More groups");
    const close = el("button", { type: "button", className: "quiet-button", title: "Close", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"));
    this.dialog = el("dialog", { className: "copies", "aria-labelledby": "copies-title" },
      el("div", { className: "copies-bar" }, el("h2", { id: "copies-title" }, "Duplicates"), close),
      this.status, el("div", { className: "copies-tools" }, this.keep.label, this.sure.label, this.search, this.certain),
      this.proposal, this.list, el("div", { className: "dialog-buttons" }, this.more));
    this.list.addEventListener("copies-change", (event) => this.#propose(/** @type {CustomEvent} */ (event).detail.action, [/** @type {CustomEvent} */ (event).detail.row]));
    this.list.addEventListener("copies-skip", (event) => this.#leave([/** @type {CustomEvent} */ (event).detail]));
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("close", () => clearTimeout(this.#timer));
    this.replaceChildren(this.dialog);
  }

  open() {
    if (!this.dialog.open) this.dialog.showModal();
    return this.#load();
  }

  /** What was changed was taken back, or the search found more. */
  reload() {
    return this.dialog.open ? this.#load() : undefined;
  }

  async #load() {
    this.#close();
    const asked = (this.#asked += 1);
    const page = await this.#page(null);
    if (!page || asked !== this.#asked) return;
    this.#rows = [];
    this.list.replaceChildren();
    this.#add(page);
  }

  async #more() {
    const asked = (this.#asked += 1);
    const page = await this.#page(this.#cursor);
    if (page && asked === this.#asked) this.#add(page);
  }

  /** @param {string|null} cursor @returns {Promise<import("./copies.js").Page|null>} null where it did not come */
  async #page(cursor) {
    this.more.disabled = true;
    try {
      return await listCopies({ keep: this.keep.select.value, sure: this.sure.select.value, cursor });
    } catch (error) {
      this.status.textContent = error.message;
      return null;
    } finally {
      this.more.disabled = false;
    }
  }

  /** @param {import("./copies.js").Page} page */
  #add(page) {
    this.#cursor = page.next_cursor;
    const rows = page.groups.map((group, place) => new CopyRow(group, this.#rows.length + place + 1));
    this.#rows.push(...rows);
    this.list.append(...rows.map((row) => row.element));
    this.more.hidden = !this.#cursor;
    this.#tell(page.search, page);
  }

  /** @param {Search} search @param {{total: number, copies: number}} found */
  #tell({ running, compared, images, fault, notes }, { total, copies }) {
    const left = images - compared;
    const far = running ? `Looking for copies: ${compared.toLocaleString("en-GB")} of ${counted(images, "picture")} compared.`
      : left > 0 ? `${counted(left, "picture")} not compared yet.` : "";
    const result = total ? `${counted(total, "group")}, ${counted(copies, "copy", "copies")}.` : compared ? "No copies." : "";
    this.status.textContent = [result, far, ...[fault || "", ...notes].map(sentence)].filter(Boolean).join(" ");
    this.search.disabled = running || left <= 0;
    this.certain.disabled = !this.#rows.some((row) => row.isCertain);
    clearTimeout(this.#timer);
    if (running) this.#timer = setTimeout(() => this.#follow(), PAUSE);
  }

  /** Ask how far the search is; what it found is shown when nobody has begun to choose. */
  async #follow() {
    const page = await this.#page(null);
    if (!page || !this.dialog.open) return;
    if (page.total !== this.#rows.length && this.proposal.hidden && !this.list.contains(document.activeElement)) await this.#load();
    else this.#tell(page.search, page);
  }

  async #search() {
    try {
      await lookForCopies();
    } catch (error) {
      this.status.textContent = error.message;
      return;
    }
    await this.#load();
  }

  // -- hiding and deleting: first it is said what would be done

  /** @param {Action} action @param {CopyRow[]} rows */
  async #propose(action, rows) {
    const chosen = rows.map((row) => row.chosen).filter(({ copies }) => copies.length);
    if (!chosen.length) return;
    try {
      const ids = await hideCopies(chosen, { dryRun: true });
      this.#ask(action, rows, ids.length, () => this.#change(action, rows, chosen));
    } catch (error) {
      this.status.textContent = error.message;
    }
  }

  /** @param {Action} action @param {CopyRow[]} rows @param {number} count @param {() => void} act */
  #ask(action, rows, count, act) {
    const words = `${counted(count, "picture")} of ${counted(rows.length, "group")} would be ${DOING[action]}; ${counted(rows.length, "picture")} would stay. Files are not touched.`;
    const button = el("button", { type: "button", className: action === "delete" ? "button grave" : "button strong", onclick: act }, action === "hide" ? "Hide" : "Delete");
    const cancel = el("button", { type: "button", className: "button", onclick: () => this.#close() }, "Cancel");
    this.proposal.replaceChildren(el("p", { id: "copy-proposal-words" }, words), el("div", { className: "copy-acts" }, button, cancel));
    this.proposal.hidden = false;
    this.back = rows.length === 1 ? rows[0].element : this.certain;
    button.focus();
    this.proposal.scrollIntoView({ block: "nearest" });
  }

  #close() {
    if (this.proposal.hidden) return;
    this.proposal.hidden = true;
    this.back?.focus();
  }

  /** @param {Action} action @param {CopyRow[]} rows @param {import("./copies.js").Chosen[]} chosen */
  async #change(action, rows, chosen) {
    this.proposal.hidden = true;
    try {
      const ids = await hideCopies(chosen, { dryRun: false });
      this.#leave(rows);
      this.onHidden(action, ids);
    } catch (error) {
      this.status.textContent = error.message;
      await this.#load();
    }
  }

  /** @param {CopyRow[]} rows  that are done with; the next one gets the focus */
  #leave(rows) {
    const at = this.#rows.indexOf(rows[0]);
    this.#rows = this.#rows.filter((row) => !rows.includes(row));
    for (const row of rows) row.element.remove();
    this.certain.disabled = !this.#rows.some((row) => row.isCertain);
    const next = this.#rows[Math.min(at, this.#rows.length - 1)];
    (next?.element || this.dialog).focus();
    if (!this.#rows.length && this.#cursor) this.#load();
    else if (!this.#rows.length) this.status.textContent = "No group is left here.";
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape" && !this.proposal.hidden) {
      event.preventDefault();
      this.#close();
      return;
    }
    if (event.altKey || event.ctrlKey || event.metaKey || isTyping(event) || !this.proposal.hidden) return;
    const at = this.#rows.findIndex((row) => row.element.contains(document.activeElement));
    const steps = { ArrowDown: at + 1, ArrowUp: Math.max(at - 1, 0) };
    const acts = { h: "hide", delete: "delete", k: "skip" };
    const act = acts[event.key.toLowerCase()];
    if (event.key in steps) this.#rows[Math.min(steps[event.key], this.#rows.length - 1)]?.element.focus();
    else if (act && at >= 0) this.#rows[at][act].click();
    else return;
    event.preventDefault();
  }
}

/** @param {string} words */
function sentence(words) {
  return words && `${words[0].toUpperCase()}${words.slice(1)}.`;
}

/** @param {string} words @param {Record<string, string>} options @param {() => void} changed */
function choice(words, options, changed) {
  const select = el("select", { onchange: changed }, ...Object.entries(options).map(([value, text]) => el("option", { value }, text)));
  return { select, label: el("label", { className: "copy-choice" }, el("span", {}, words), select) };
}

/** @param {Parameters<typeof icon>[0]} shape @param {string} words @param {() => void} press */
function tool(shape, words, press) {
  return el("button", { type: "button", className: "button", onclick: press }, icon(shape), el("span", {}, words));
}

customElements.define("duplicates-dialog", DuplicatesDialog);

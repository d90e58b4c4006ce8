/**
 * What the owner can do on the page: hide, tag and delete, one picture or several, each to be undone. Loaded only when
 * somebody signs in.
 */

import { dashboardUrl, gradingUrl, reviewUrl } from "../api.js";
import { el } from "../dom.js";
import { icon } from "../icons.js";
import { counted } from "../words.js";
import * as changes from "./changes.js";
import { Selection } from "./selection.js";
import { deleting, keepDeleting, keepSession, session } from "./session.js";
import "./duplicates-dialog.js";
import "./hidden-dialog.js";
import "./sign-in-dialog.js";
import "./tag-dialog.js";
import "./undo-bar.js";

/** @typedef {import("../api.js").Image} Image */
/** @typedef {import("../elements/image-menu.js").Item} Item */
/**
 * @typedef {object} Page  what the owner's part needs of the page
 * @property {HTMLElement} grid
 * @property {HTMLElement} nav  where its button goes
 * @property {() => string[]} order  ids of the list, by rank
 * @property {(ids: string[]) => void} leave  these pictures go away
 * @property {() => Promise<void>} reload  the list has changed
 * @property {(image: Image) => void} update  a record has changed
 * @property {(words: string) => void} tell
 * @property {(name: string, items: Item[], anchor: DOMRect) => void} menu
 */

export class Owner {
  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    this.signIn = /** @type {import("./sign-in-dialog.js").SignInDialog} */ (document.createElement("sign-in-dialog"));
    this.tagging = /** @type {import("./tag-dialog.js").TagDialog} */ (document.createElement("tag-dialog"));
    this.hidden = /** @type {import("./hidden-dialog.js").HiddenDialog} */ (document.createElement("hidden-dialog"));
    this.duplicates = /** @type {import("./duplicates-dialog.js").DuplicatesDialog} */ (document.createElement("duplicates-dialog"));
    this.undoing = /** @type {import("./undo-bar.js").UndoBar} */ (document.createElement("undo-bar"));
    this.button = el("button", { type: "button", className: "quiet-button owner-button", title: "Owner", "aria-label": "Owner", "aria-haspopup": "dialog" }, icon("owner"));
    this.button.addEventListener("click", () => this.#openMenu());
    this.selection = new Selection(page.grid, this.#tasks(), page.order);
    this.hidden.onShow = (id) => this.#showAgain(id);
    this.hidden.onDelete = (id) => this.#deleteHidden(id);
    this.duplicates.onHidden = (action, ids) => this.#copiesHidden(action, ids);
    document.body.append(this.signIn, this.tagging, this.hidden, this.duplicates, this.undoing);
    if (!session()) return;
    page.nav.prepend(this.button);
    this.#finish(deleting()); // the page was left before it was done
  }

  /** @param {string} [fault]  why it asks again */
  async ask(fault) {
    const token = await this.signIn.ask(fault);
    if (token === null) return;
    keepSession({ token, sees: this.signIn.sees });
    this.page.nav.prepend(this.button);
    this.page.tell("Signed in as the owner");
    await this.page.reload(); // owners are told more of each picture
  }

  signOut() {
    this.undoing.settle();
    this.selection.stop();
    keepSession(null);
    this.button.remove();
    this.page.tell("Signed out");
  }

  /** @param {Image} image @returns {Item[]} for the menu of a picture; none for others than the owner */
  itemsFor(image) {
    if (!session()) return [];
    return [
      { icon: "check", words: "Select", act: () => this.selection.start(image.id) },
      ...this.#tasks().map(({ act, ...task }) => ({ ...task, act: () => act([image.id]) })),
    ];
  }

  /** @returns {boolean} whether there was something to undo */
  undo() {
    return this.undoing.undo();
  }

  /** @returns {import("./selection.js").Task[]} */
  #tasks() {
    return [
      { icon: "tag", words: "Tags", act: (ids) => this.#tag(ids) },
      { icon: "hide", words: "Hide", act: (ids) => this.#hide(ids) },
      { icon: "trash", words: "Delete", act: (ids) => this.#delete(ids), grave: true },
    ];
  }

  #openMenu() {
    /** @type {Item[]} */
    const items = [{ icon: "check", words: "Select pictures", act: () => this.selection.start() }];
    if (session()?.token || session()?.sees) {
      items.push({ icon: "hide", words: "Hidden pictures", act: () => this.hidden.open() });
      items.push({ icon: "check", words: "Review queue", act: () => location.assign(reviewUrl) });
    }
    items.push({ icon: "same", words: "Duplicates", act: () => this.duplicates.open() });
    items.push({ icon: "chart", words: "Dashboard", act: () => location.assign(dashboardUrl) });
    items.push({ icon: "check", words: "Grading", act: () => location.assign(gradingUrl) });
    items.push({ icon: "close", words: "Sign out", act: () => this.signOut() });
    this.page.menu("Owner", items, this.button.getBoundingClientRect());
  }

  /** @param {string[]} ids */
  async #hide(ids) {
    const done = await this.#takeAway(ids);
    if (done.length) this.undoing.offer({ words: `${counted(done.length, "picture")} hidden.`, undo: () => this.#bringBack(done) });
  }

  /** Copies are hidden; those to be deleted are when the time to undo it is over. @param {"hide"|"delete"} action @param {string[]} ids */
  #copiesHidden(action, ids) {
    if (!ids.length) return;
    const undo = () => this.#bringBack(ids).then(() => this.duplicates.reload());
    if (action === "delete") this.#offerDeleted(ids, undo);
    else this.undoing.offer({ words: `${counted(ids.length, "picture")} hidden.`, undo });
    this.page.reload();
  }

  /** Hidden at once; deleted when the time to undo it is over. @param {string[]} ids */
  async #delete(ids) {
    const done = await this.#takeAway(ids);
    if (done.length) this.#offerDeleted(done, () => this.#bringBack(done));
  }

  /** @param {string[]} ids @param {() => void} undo */
  #offerDeleted(ids, undo) {
    this.undoing.offer({
      words: `${counted(ids.length, "picture")} deleted.`,
      undo: () => {
        this.#forgetDeleting(ids);
        undo();
      },
      settle: () => this.#finish(ids),
    });
    keepDeleting([...deleting(), ...ids]);
  }

  /** @param {string[]} ids  to be deleted now */
  async #finish(ids) {
    const { failed } = await changes.forEach(ids, changes.deleteImage);
    for (const [id, error] of failed) if (error.status === 404) failed.delete(id); // gone already
    if (![...failed.values()].some((error) => error.isUnreachable)) this.#forgetDeleting(ids);
    this.#complain(failed, "deleted");
  }

  /** @param {string[]} ids */
  #forgetDeleting(ids) {
    keepDeleting(deleting().filter((id) => !ids.includes(id)));
  }

  /** @param {string[]} ids @returns {Promise<string[]>} those that nobody else sees any more */
  async #takeAway(ids) {
    this.selection.stop();
    const { done, failed } = await changes.forEach(ids, (id) => changes.changeImage(id, { visibility: "private" }));
    this.#complain(failed, "changed");
    if (done.size) this.page.leave([...done.keys()]);
    return [...done.keys()];
  }

  /** @param {string[]} ids */
  async #bringBack(ids) {
    const { failed } = await changes.forEach(ids, (id) => changes.changeImage(id, { visibility: "public" }));
    this.#complain(failed, "brought back");
    await this.page.reload();
  }

  /** @param {string[]} ids */
  async #tag(ids) {
    const { done: before, failed } = await changes.forEach(ids, changes.readImage);
    this.#complain(failed, "changed");
    if (!before.size) return;
    const answer = await this.tagging.ask([...before.values()]);
    if (!answer || !(answer.added.length || answer.removed.length)) return;
    this.selection.stop();
    const retag = (id) => changes.changeImage(id, { tags: changes.retagged(before.get(id)?.tags || [], answer.added, answer.removed) });
    const done = await this.#retag([...before.keys()], retag);
    const undo = () => this.#retag(done, (id) => changes.changeImage(id, { tags: before.get(id)?.tags || [] }));
    if (done.length) this.undoing.offer({ words: `Tags of ${counted(done.length, "picture")} changed.`, undo });
  }

  /** @param {string[]} ids @param {(id: string) => Promise<Image>} retag @returns {Promise<string[]>} */
  async #retag(ids, retag) {
    const { done, failed } = await changes.forEach(ids, retag);
    for (const image of done.values()) this.page.update(image);
    this.#complain(failed, "changed");
    return [...done.keys()];
  }

  /** @param {string} id @returns {Promise<boolean>} */
  async #showAgain(id) {
    const { done, failed } = await changes.forEach([id], () => changes.changeImage(id, { visibility: "public" }));
    this.#complain(failed, "shown");
    if (done.size) await this.page.reload();
    return done.size > 0;
  }

  /** @param {string} id @returns {Promise<boolean>} */
  async #deleteHidden(id) {
    this.hidden.dialog.close();
    this.#offerDeleted([id], () => this.hidden.open());
    return true;
  }

  /** @param {Map<string, any>} failed @param {string} what */
  #complain(failed, what) {
    const [first] = failed.values();
    if (!first) return;
    if (first.status === 401) {
      this.signOut();
      this.ask("The token is not right any more.");
    } else this.page.tell(`${counted(failed.size, "picture")} could not be ${what}: ${first.message}`);
  }
}

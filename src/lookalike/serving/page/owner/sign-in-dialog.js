/** <sign-in-dialog>: asks for the server's admin token, unless nobody needs one or the browser's key allows changes. */

import { el } from "../dom.js";
import { tryToken } from "./changes.js";
import { keyScopes } from "./key-dialog.js";

const OPEN_TO_ALL = "This library has no admin token: whoever can open this page may change it.";
const BY_KEY = "Your key lets you hide, tag and delete pictures.";
const ASKING = "The owner of this library may hide, tag and delete pictures. The token is kept until this tab is closed.";

export class SignInDialog extends HTMLElement {
  /** @type {(token: string|null) => void} */
  #answer = () => undefined;
  /** Whether the browser's key shows hidden pictures, too. */
  sees = false;

  connectedCallback() {
    this.text = el("p", { className: "dialog-text" });
    this.input = el("input", { type: "password", name: "token", autocomplete: "current-password", required: true });
    this.label = el("label", { className: "field" }, el("span", {}, "Admin token"), this.input);
    this.fault = el("p", { className: "field-fault", role: "alert" });
    this.submit = el("button", { type: "submit", className: "button strong" });
    const cancel = el("button", { type: "button", className: "button", onclick: () => this.dialog.close() }, "Cancel");
    this.form = el("form", { method: "dialog" }, this.text, this.label, this.fault, el("div", { className: "dialog-buttons" }, cancel, this.submit));
    this.dialog = el("dialog", { "aria-labelledby": "sign-in-title" }, el("h2", { id: "sign-in-title" }, "Owner"), this.form);
    this.form.addEventListener("submit", (event) => this.#try(event));
    this.dialog.addEventListener("close", () => this.#answer(null));
    this.replaceChildren(this.dialog);
  }

  /** @param {string} [fault]  why it asks again @returns {Promise<string|null>} the token, empty where none is needed; null: given up */
  async ask(fault = "") {
    const scopes = await keyScopes();
    this.sees = scopes?.includes("admin") || false;
    const byKey = !fault && (scopes?.includes("write") || false);
    const free = scopes ? byKey : (await tryToken(null)) === "none";
    this.text.textContent = byKey ? BY_KEY : free ? OPEN_TO_ALL : ASKING;
    this.label.hidden = free;
    this.input.disabled = free;
    this.input.value = "";
    this.submit.textContent = free ? "Manage pictures" : "Sign in";
    this.fault.textContent = fault;
    this.dialog.showModal();
    (free ? this.submit : this.input).focus();
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  /** @param {SubmitEvent} event */
  async #try(event) {
    event.preventDefault();
    const token = this.input.value.trim();
    this.submit.disabled = true;
    const answer = this.input.disabled ? "none" : await tryToken(token).catch((error) => error.message);
    this.submit.disabled = false;
    if (answer !== "right" && answer !== "none") {
      this.fault.textContent = answer === "wrong" ? "That is not the token." : answer;
      this.input.select();
      return;
    }
    this.#answer(answer === "right" ? token : "");
    this.dialog.close();
  }
}

customElements.define("sign-in-dialog", SignInDialog);

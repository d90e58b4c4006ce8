/** <page-notice>: what the results area says when there are no results to show: empty, failed, lost. */

import { el } from "../dom.js";
import { icon } from "../icons.js";

export class PageNotice extends HTMLElement {
  /** @param {import("../messages.js").Notice} notice */
  show({ title, text, code, action, alarming = false }) {
    this.hidden = false;
    this.setAttribute("role", alarming ? "alert" : "status");
    this.replaceChildren(icon("picture"), el("h2", {}, title), el("p", {}, text));
    if (code) this.append(el("pre", { tabIndex: 0, "aria-label": "Command" }, el("code", {}, code)));
    if (action) this.append(el("button", { type: "button", className: "button strong", onclick: action.act }, action.words));
  }

  hide() {
    this.hidden = true;
    this.replaceChildren();
  }
}

customElements.define("page-notice", PageNotice);

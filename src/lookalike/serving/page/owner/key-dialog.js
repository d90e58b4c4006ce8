/** Asks for the key of a server that shows its pictures only to those who have one. The browser keeps it in a cookie. */

import { call } from "../api.js";
import { el } from "../dom.js";
import { keepSession } from "./session.js";

/** @type {HTMLDialogElement|null} */
let opened = null;

/** Ask once, however many requests were refused; with a key that works the page begins anew. */
export function askForKey() {
  if (opened?.open) return;
  const input = el("input", { type: "password", name: "key", autocomplete: "current-password", required: true });
  const fault = el("p", { className: "field-fault", role: "alert" });
  const submit = el("button", { type: "submit", className: "button strong" }, "Sign in");
  const form = el(
    "form",
    { method: "dialog" },
    el("p", { className: "dialog-text" }, "This library is shown to people who have a key. It is kept until the browser is closed."),
    el("label", { className: "field" }, el("span", {}, "Key"), input),
    fault,
    el("div", { className: "dialog-buttons" }, submit),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const headers = { "Content-Type": "application/json" };
      await call("v1/session", { method: "POST", headers, body: JSON.stringify({ key: input.value.trim() }) });
      location.reload();
    } catch (error) {
      fault.textContent = error.status === 401 || error.status === 422 ? "That is not a key of this library." : error.message;
      input.select();
    }
    submit.disabled = false;
  });
  opened = el("dialog", { "aria-labelledby": "key-title" }, el("h2", { id: "key-title" }, "Sign in"), form);
  document.body.append(opened);
  opened.showModal();
}

/** @returns {Promise<string[]|null>} what the browser's key allows; null on a server that needs no key */
export async function keyScopes() {
  const { keys_needed: needed, scopes } = await call("v1/session");
  return needed ? scopes : null;
}

/** @returns {Promise<boolean>} whether this browser has a key that works */
export async function isSignedIn() {
  return Boolean((await keyScopes())?.length);
}

/** Forget the browser's key; the page begins anew, and asks for one. */
export async function forgetKey() {
  await call("v1/session", { method: "DELETE" });
  keepSession(null);
  location.reload();
}

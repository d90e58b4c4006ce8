/** Asking for the owner on pages of their own. */

import { keepSession } from "./session.js";
import "./sign-in-dialog.js";

/** @returns {Promise<boolean>} whether somebody signed in; false where they gave up */
export async function signedIn() {
  const dialog = /** @type {import("./sign-in-dialog.js").SignInDialog} */ (
    document.querySelector("sign-in-dialog") || document.body.appendChild(document.createElement("sign-in-dialog"))
  );
  const token = await dialog.ask();
  if (token === null) return false;
  keepSession({ token });
  return true;
}

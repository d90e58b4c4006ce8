/** The crops of one picture, to undo and redo. */

import { sameCrop } from "../crop.js";

/** @typedef {import("../crop.js").Crop} Crop */

const KEPT = 100;
const RUN = 700; // ms between typed digits that are undone together

export class CropSteps {
  /** @type {(Crop|null)[]} */
  #before = [];
  /** @type {(Crop|null)[]} */
  #after = [];
  #typedAt = -RUN;

  get canUndo() {
    return this.#before.length > 0;
  }

  /** @param {Crop|null} crop  as it is before a change @param {number} [typedAt]  ms, for changes that come in runs */
  note(crop, typedAt) {
    const goesOn = typedAt !== undefined && typedAt - this.#typedAt < RUN;
    this.#typedAt = typedAt ?? -RUN;
    if (goesOn) return;
    this.#before.push(crop);
    this.#before.splice(0, this.#before.length - KEPT);
    this.#after = [];
  }

  /** @param {Crop|null} crop  as it is @returns {{crop: Crop|null}|null} what to return to; null where there is nothing */
  undo(crop) {
    return move(this.#before, this.#after, crop);
  }

  /** @param {Crop|null} crop @returns {{crop: Crop|null}|null} */
  redo(crop) {
    return move(this.#after, this.#before, crop);
  }
}

/** @param {(Crop|null)[]} from @param {(Crop|null)[]} to @param {Crop|null} crop */
function move(from, to, crop) {
  while (from.length && sameCrop(from.at(-1) ?? null, crop)) from.pop(); // steps that changed nothing
  if (!from.length) return null;
  to.push(crop);
  return { crop: from.pop() ?? null };
}

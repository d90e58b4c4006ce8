/** What people see and do with the hits on the page, told to the server. */

import { Dwell } from "./dwell.js";
import { Impressions } from "./impressions.js";
import { EventLog } from "./log.js";

/** @typedef {import("./log.js").Shown} Reported */
/** @typedef {import("../listing.js").Shown} Shown */
/**
 * @typedef {object} Around
 * @property {() => string|null|undefined} queryId  of the hits on the page; none when browsing
 * @property {(id: string) => import("./log.js").Where|null} whereIs  an image in the grid
 */

export class Reports {
  #over = ""; // id of the hit that is shown large

  /** @param {string} url @param {Around} around */
  constructor(url, around) {
    this.around = around;
    this.log = new EventLog(url);
    this.impressions = new Impressions((shown) => this.log.record("impression", shown));
    this.dwell = new Dwell((shown, seconds) => this.log.record("dwell", shown, { dwell_seconds: seconds }));
  }

  /** @param {import("../elements/tile.js").Tile} tile  it is in the document now */
  watch({ element, shown }) {
    const reported = this.#reported(shown);
    if (reported) this.impressions.watch(element, reported);
  }

  /** @param {Shown|undefined} shown  what was opened @returns {Reported|null} the click, if it was on a hit */
  click(shown) {
    return this.#act("click", shown);
  }

  /** @param {Shown|undefined} shown @returns {boolean} whether it is a hit */
  save(shown) {
    return Boolean(this.#act("save", shown));
  }

  /** @param {Shown|undefined} shown @returns {boolean} whether it is a hit */
  callNotSimilar(shown) {
    return Boolean(this.#act("not_similar", shown));
  }

  /** @param {Shown|undefined} shown  in the large view, until another one is or `lookAway` */
  lookLarge(shown) {
    if (this.#over && shown?.image.id === this.#over) return;
    this.lookAway();
    const reported = this.#reported(shown);
    if (!reported) return;
    this.#over = reported.imageId;
    this.impressions.countNow(reported);
    this.dwell.startOver(settled(reported));
  }

  /** The large view is closed. */
  lookAway() {
    if (this.#over) this.dwell.endOver();
    this.#over = "";
  }

  /** Everything that was looked at is left. */
  goElsewhere() {
    this.#over = "";
    this.dwell.end();
  }

  /** The page may be gone a moment from now. */
  leave() {
    this.goElsewhere();
    this.log.leave();
  }

  /** @param {"click"|"save"|"not_similar"} kind @param {Shown|undefined} shown */
  #act(kind, shown) {
    const reported = this.#reported(shown);
    if (!reported) return null;
    const here = settled(reported);
    this.impressions.countNow(here);
    this.log.record(kind, here);
    return here;
  }

  /** @param {Shown|undefined} shown @returns {Reported|null} */
  #reported(shown) {
    const queryId = this.around.queryId();
    if (!queryId || !shown?.hit) return null;
    const imageId = shown.image.id;
    return { queryId, imageId, position: shown.hit.rank, where: () => this.around.whereIs(imageId) };
  }
}

/** @param {Reported} reported @returns {Reported} that stays where it is now, whatever the page shows later */
function settled(reported) {
  const where = reported.where?.() || null;
  return { ...reported, where: () => where };
}

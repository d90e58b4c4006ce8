/** Numbers as words. */

/** @typedef {{count: number, of: number, value: number|null, low: number|null, high: number|null}} Share */

/** @param {number} number */
export function whole(number) {
  return Math.round(number).toLocaleString("en-GB");
}

/** @param {number|null} share @returns {string} a dash where there is nothing to say */
export function percent(share) {
  return share === null ? "–" : `${(100 * share).toFixed(1)} %`;
}

/** @param {number} number of seconds @returns {string} */
export function seconds(number) {
  if (number >= 5400) return `${(number / 3600).toFixed(1)} h`;
  return number >= 90 ? `${(number / 60).toFixed(1)} min` : `${number.toFixed(1)} s`;
}

/** @param {Share} share */
export function shareWords(share) {
  const interval = share.low === null ? "" : ` (95 %: ${percent(share.low)} to ${percent(share.high)})`;
  return `${whole(share.count)} of ${whole(share.of)}${interval}`;
}

/** @param {{unit: string, seconds: number, periods: number, per_person: Share}} spent */
export function timeWords({ unit, seconds: sum, periods, per_person: each }) {
  const average = `${sum.toFixed(1)} s over ${whole(periods)} ${periods === 1 ? unit : `${unit}s`}`;
  return each.value === null ? average : `${average}; ${seconds(each.value)} per active person`;
}

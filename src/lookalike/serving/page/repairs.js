/** Pictures that did not load, asked for again once the server answers. */

/**
 * @typedef {object} Failing
 * @property {string} url  of the picture
 * @property {() => boolean} isWanted  false once it is no longer on the page
 * @property {() => Promise<boolean>} load  asks again; whether it came
 * @property {(words: string) => void} giveUp
 */

const PAUSES = [0, 1000, 4000]; // ms before each attempt: a server that answers may still be busy with others

/**
 * @param {Failing} picture
 * @param {import("./connection.js").Connection} connection
 */
export async function repair(picture, connection) {
  for (const pause of PAUSES) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const status = await statusOf(picture.url, connection);
    if (!picture.isWanted()) return;
    if (status === 404 || status === 410) return picture.giveUp("No longer in the library");
    if (await picture.load()) return;
  }
  picture.giveUp("Cannot be shown");
}

/** @param {string} url @param {import("./connection.js").Connection} connection @returns {Promise<number>} */
async function statusOf(url, connection) {
  try {
    return (await fetch(url, { method: "HEAD" })).status;
  } catch {
    await connection.answers();
    return 0; // not known: the picture itself is asked for next
  }
}

/** Line icons, drawn on a 24 x 24 grid. */

const SHAPES = {
  upload: "M12 16V4m0 0L7.5 8.5M12 4l4.5 4.5M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3",
  crop: "M6 2v14a2 2 0 0 0 2 2h14M2 6h14a2 2 0 0 1 2 2v14",
  whole: "M4 9V6a2 2 0 0 1 2-2h3m6 0h3a2 2 0 0 1 2 2v3m0 6v3a2 2 0 0 1-2 2h-3m-6 0H6a2 2 0 0 1-2-2v-3",
  link: "M10 14a4.5 4.5 0 0 0 6.4.4l3.2-3.2a4.5 4.5 0 0 0-6.4-6.4L11.6 6.4M14 10a4.5 4.5 0 0 0-6.4-.4l-3.2 3.2a4.5 4.5 0 0 0 6.4 6.4l1.6-1.6",
  open: "M14 4h6v6m0-6-9 9M18 14v4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2h4",
  add: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  theme: "M12 3a9 9 0 1 0 0 18Zm0 0a9 9 0 0 1 0 18",
  help: "M9.2 9a3 3 0 1 1 4.3 2.9c-.9.5-1.5 1.1-1.5 2.1m0 3.2v.1",
  chevron: "M6 9l6 6 6-6",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  large: "M14 4h6v6m0-6-6.5 6.5M10 20H4v-6m0 6 6.5-6.5",
  undo: "M9 14 4 9l5-5M4 9h10.5a5.5 5.5 0 0 1 0 11H11",
  minus: "M5 12h14",
  check: "m5 12.5 4.5 4.5L19 7.5",
  tag: "M4 5a1 1 0 0 1 1-1h6l9 9-7 7-9-9ZM8 8h.01",
  hide: "M4 4l16 16M10 6.2A9.5 9.5 0 0 1 12 6c5 0 8.5 4 9.5 6a15 15 0 0 1-2.6 3.4M6.5 7.6A14 14 0 0 0 2.5 12c1 2 4.5 6 9.5 6a9.5 9.5 0 0 0 4.3-1M10 10.2a2.6 2.6 0 0 0 3.7 3.7",
  show: "M2.5 12c1-2 4.5-6 9.5-6s8.5 4 9.5 6c-1 2-4.5 6-9.5 6s-8.5-4-9.5-6Zm9.5 2.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2Z",
  trash: "M4 7h16M9 7V4.5h6V7m3 0-.8 12a1.5 1.5 0 0 1-1.5 1.4H8.3A1.5 1.5 0 0 1 6.800 19L6 7m4.5 4v5.5m3-5.5v5.5",
  owner: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7.5 8c.7-3.5 3.7-5.5 7.5-5.5s6.800 2 7.5 5.5",
  outline: "m5 8 9-4 5.500 9.500L9 20ZM5 8h.01M14 4h.01M19.500 13.500h.01M9 20h.01",
  same: "M8 4H5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1v-3M9 9V5a1 1 0 0 1 1-1h9a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1h-4",
  next: "m9 5 7 7-7 7",
  previous: "m15 5-7 7 7 7",
  details: "M4 6h16M4 12h16M4 18h9",
  similar: "M4 7a2 2 0 0 1 2-2h7a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2ZM19 9v8a3 3 0 0 1-3 3H9",
  save: "M7 4h10a1 1 0 0 1 1 1v15l-6-4.5L6 20V5a1 1 0 0 1 1-1Z",
  unlike: "M4 7a2 2 0 0 1 2-2h6a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2ZM15 15l5 5m0-5-5 5",
  chart: "M4 20h16M7 20v-6m5 6V6m5 14v-9",
  filter: "M4 6h16M7 12h10M10 18h4",
  picture: "M4 6a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2Zm0 11 5-5 4 4 2.5-2.5L20 18M15 9h.1",
};

/** @param {keyof typeof SHAPES} name @returns {SVGSVGElement} */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = /** @type {SVGSVGElement} */ (document.createElementNS(space, "svg"));
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", SHAPES[name]);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(path);
  return svg;
}

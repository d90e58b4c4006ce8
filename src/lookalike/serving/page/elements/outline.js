/** Where the query lies in a picture, drawn over it. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {[number, number][]} corners  in fractions of the picture's sides
 * @param {{width: number, height: number}} size  of the picture
 * @param {"slice"|"meet"} fit  whether what does not fit into the place is cut off, as the picture is
 * @returns {SVGSVGElement} decoration: the words beside the picture say the same
 */
export function outlineOf(corners, { width, height }, fit) {
  const svg = /** @type {SVGSVGElement} */ (document.createElementNS(SVG, "svg"));
  const points = corners.map(([x, y]) => `${(x * width).toFixed(1)},${(y * height).toFixed(1)}`).join(" ");
  svg.setAttribute("class", "outline");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", `xMidYMid ${fit}`);
  svg.setAttribute("aria-hidden", "true");
  for (const name of ["outline-under", "outline-over"]) {
    const polygon = document.createElementNS(SVG, "polygon");
    polygon.setAttribute("class", name);
    polygon.setAttribute("points", points);
    svg.append(polygon);
  }
  return svg;
}

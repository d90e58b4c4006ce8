"use strict";
/* Sorting and filtering of the table of queries. Without this script the table is whole and in the order judged. */
(() => {
  const table = document.getElementById("per-query");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row, place) => ({ row, place, text: "", kind: "" }));
  for (const one of rows) {
    const [kind, tags] = Array.from(one.row.cells).slice(-2);
    one.kind = kind.textContent.trim();
    one.text = `${one.row.cells[0].textContent} ${tags.textContent}`.toLowerCase();
  }
  const order = new Intl.Collator(undefined, { numeric: true });
  const form = document.getElementById("filters");
  const find = document.getElementById("find");
  const kind = document.getElementById("kind");
  const count = document.getElementById("count");

  /* Values that are not defined come last in either direction. */
  const sort = (column, numeric, sign) => {
    for (const one of rows) {
      const text = one.row.cells[column].textContent;
      one.key = numeric ? parseFloat(text) : text;
    }
    rows.sort((one, other) => {
      const [a, b] = [one.key, other.key];
      if (!numeric) return sign * order.compare(a, b) || one.place - other.place;
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b) || one.place - other.place;
      return sign * (a - b) || one.place - other.place;
    });
    body.replaceChildren(...rows.map(({ row }) => row));
  };

  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numeric = head.classList.contains("num");
      const before = head.getAttribute("aria-sort");
      const now = before ? (before === "ascending" ? "descending" : "ascending") : numeric ? "descending" : "ascending";
      for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", now);
      sort(column, numeric, now === "ascending" ? 1 : -1);
    });
  });

  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of rows) {
      const fits = words.every((word) => one.text.includes(word)) && (!kind || !kind.value || kind.value === one.kind);
      if (one.row.hidden === fits) one.row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} queries`;
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  find.addEventListener("input", filter);
  if (kind) kind.addEventListener("change", filter);
  form.hidden = false;
  filter();
})();

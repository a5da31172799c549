"use strict";
// Tables that can be sorted by a column and searched; without this script they are plain tables.
(() => {
  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const keyOf = (cell) => cell.dataset.key ?? cell.textContent.trim();

  function compare(a, b) {
    const x = Number(a), y = Number(b);
    const isText = a === "" || b === "" || Number.isNaN(x) || Number.isNaN(y);
    return isText ? order.compare(a, b) : x - y;
  }

  function sort(table, column, heading) {
    const isDown = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => [keyOf(row.cells[column]), row]);
    rows.sort(([a], [b]) => (isDown ? compare(b, a) : compare(a, b)));
    body.append(...rows.map(([, row]) => row));
  }

  function makeSortable(table) {
    Array.from(table.tHead.rows[0].cells).forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, column, heading));
      heading.append(button);
    });
  }

  function makeSearchable(table) {
    const rows = Array.from(table.tBodies[0].rows);
    const texts = rows.map((row) => Array.from(row.cells, (cell) => cell.textContent.trim()).join(" ").toLowerCase());
    const form = document.createElement("form");
    form.className = "search";
    form.setAttribute("role", "search");
    const label = document.createElement("label");
    label.textContent = "Search";
    const input = document.createElement("input");
    input.type = "search";
    label.append(input);
    const found = document.createElement("span");
    found.setAttribute("role", "status");
    form.append(label, found);
    form.addEventListener("submit", (event) => event.preventDefault());
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row, i) => {
        row.hidden = !words.every((word) => texts[i].includes(word));
        count += !row.hidden;
      });
      found.textContent = words.length ? `${count} of ${rows.length} rows` : "";
    });
    (table.closest(".scroll") ?? table).before(form);
  }

  for (const table of document.querySelectorAll("table[data-tools]")) {
    const tools = table.dataset.tools.split(" ");
    if (tools.includes("sort")) makeSortable(table);
    if (tools.includes("search")) makeSearchable(table);
  }
})();

"use strict";
// Tables that can be sorted by a column and searched; without this script they are plain tables.
(() => {
  const MANY = 500; // rows of a long table that are shown at once: of tens of thousands layout takes seconds
  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const keyOf = (cell) => cell.dataset.key ?? cell.textContent.trim();

  function compare(a, b) {
    const x = Number(a), y = Number(b);
    const isText = a === "" || b === "" || Number.isNaN(x) || Number.isNaN(y);
    return isText ? order.compare(a, b) : x - y;
  }

  function makeSortable(table, update) {
    const headings = Array.from(table.tHead.rows[0].cells);
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const isDown = heading.getAttribute("aria-sort") === "ascending";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", isDown ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = Array.from(body.rows, (row) => [keyOf(row.cells[column]), row]);
        rows.sort(([a], [b]) => (isDown ? compare(b, a) : compare(a, b)));
        body.remove(); // outside of the page rows are moved a hundred times as fast
        body.append(...rows.map(([, row]) => row));
        table.append(body);
        update();
      });
    });
  }

  function makeSearchable(table) {
    const texts = new Map();
    for (const row of table.tBodies[0].rows)
      texts.set(row, Array.from(row.cells, (cell) => cell.textContent.trim()).join(" ").toLowerCase());
    const form = document.createElement("form");
    form.className = "search";
    form.setAttribute("role", "search");
    const label = document.createElement("label");
    label.textContent = "Search";
    const input = document.createElement("input");
    input.type = "search";
    label.append(input);
    const told = document.createElement("span");
    told.setAttribute("role", "status");
    const more = document.createElement("button");
    more.type = "button";
    more.textContent = "Show all";
    form.append(label, told, more);
    let limit = MANY;

    function update() {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const row of table.tBodies[0].rows) {
        const isFound = words.every((word) => texts.get(row).includes(word));
        row.hidden = !isFound || count >= limit;
        count += isFound;
      }
      more.hidden = count <= limit;
      const found = words.length ? `${count} of ${texts.size} rows` : "";
      told.textContent = more.hidden ? found : `${found || `${count} rows`}, the first ${limit} are shown`;
    }

    form.addEventListener("submit", (event) => event.preventDefault());
    input.addEventListener("input", update);
    more.addEventListener("click", () => {
      limit = Infinity;
      update();
      input.focus();
    });
    (table.closest(".scroll") ?? table).before(form);
    update();
    return update;
  }

  for (const table of document.querySelectorAll("table[data-tools]")) {
    const tools = table.dataset.tools.split(" ");
    const update = tools.includes("search") ? makeSearchable(table) : () => {};
    if (tools.includes("sort")) makeSortable(table, update);
  }
  loading.remove();
})();

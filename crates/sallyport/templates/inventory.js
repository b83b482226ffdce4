"use strict";
// Filters and sorts the rows that are there. It makes no markup and reads no text as anything but text.
(() => {
  const table = document.getElementById("table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row, place) => ({ row, place, text: null, data: row.dataset }));
  const control = (id) => document.getElementById(id);
  const [query, show, host, count] = ["query", "show", "host", "count"].map(control);
  const number = new Intl.NumberFormat("en");

  const shows = (one, wanted) =>
    wanted === "" ||
    (wanted === "concern"
      ? one.data.c !== ""
      : wanted === "documented"
        ? one.row.cells[0].textContent === wanted
        : one.data.c.split(" ").includes(wanted));

  const has = (one, words) => {
    // The text of thousands of rows is read when somebody searches, not before.
    if (words.length !== 0 && one.text === null) one.text = one.row.textContent.toLowerCase();
    return words.every((word) => one.text.includes(word));
  };

  const filter = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const place = host ? host.value : "";
    let shown = 0;
    for (const one of rows) {
      const visible = shows(one, show.value) && (place === "" || one.data.h === place) && has(one, words);
      if (one.row.hidden === visible) one.row.hidden = !visible;
      if (visible) shown += 1;
    }
    const all = number.format(rows.length);
    count.textContent = shown === rows.length ? `${all} operations` : `${number.format(shown)} of ${all} operations`;
  };

  const key = (one, column, kind) => {
    if (kind === "place") return one.place;
    const cell = one.row.cells[column];
    const text = (cell.querySelector("summary") ?? cell).textContent;
    if (kind === "number") return Number(text.replace(/[~,]/g, "") || -1);
    // The methods of one path belong together.
    return kind === "path" ? text.trim().replace(/^(\S+)\s+(.*)$/s, "$2 $1") : text;
  };

  const sort = (head, column, kind) => {
    const was = head.getAttribute("aria-sort");
    // Numbers begin with the greatest, the rest with the first.
    const first = kind === "number" ? "descending" : "ascending";
    const order = was === null ? first : was === "ascending" ? "descending" : "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const keyed = rows.map((one) => [key(one, column, kind), one]);
    keyed.sort(([a, one], [b, other]) => (a < b ? -sign : a > b ? sign : one.place - other.place));
    body.append(...keyed.map(([, one]) => one.row));
  };

  for (const [column, head] of Array.from(table.tHead.rows[0].cells).entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head, column, head.dataset.sort));
    head.replaceChildren(button);
  }
  for (const link of document.querySelectorAll("[data-show]")) {
    link.addEventListener("click", () => {
      query.value = "";
      if (host) host.value = "";
      show.value = link.dataset.show;
      filter();
    });
  }
  for (const input of [query, show, host]) input?.addEventListener("input", filter);
  document.querySelector(".controls").hidden = false;
  // A browser that comes back to the page may have kept what was typed.
  filter();
})();

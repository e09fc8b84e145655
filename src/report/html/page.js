// Tables that can be sorted, searched and opened, from the JSON beside them. All text goes in as text, never as markup.
"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const { words: say, files, quotes, grids } = read("data");
  const PAGE = 50, PRINTED = 1000, CUT = 140;
  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  };
  const cut = (text) => (text.length > CUT ? text.slice(0, CUT) + "…" : text);
  const word = (text) => say[text] || text;
  const tone = (text) => ({
    match: "good", loaded: "good", unchanged: "good", committed: "good", difference: "bad", "not run": "bad", "nothing there": "bad",
    rejected: "bad", error: "bad", failed: "bad", "within tolerance": "warn", explained: "warn", waived: "warn",
    "nothing to compare with": "warn", warning: "warn", "✓": "good", "✗": "bad" })[text] || "";

  // 25.10 before 100.2, and both exact: digits are compared as texts, so that no number is rounded.
  const number = /^-?\d+(\.\d+)?$/;
  const compareNumbers = (a, b) => {
    const minusA = a[0] === "-", minusB = b[0] === "-";
    if (minusA !== minusB) return minusA ? -1 : 1;
    const [wholeA, partA = ""] = a.replace("-", "").split("."), [wholeB, partB = ""] = b.replace("-", "").split(".");
    const order = wholeA.length - wholeB.length || (wholeA < wholeB ? -1 : wholeA > wholeB ? 1 : partA < partB ? -1 : partA > partB ? 1 : 0);
    return minusA ? -order : order;
  };
  const compare = (a, b) => {
    if (a === b) return 0;
    if (a === "" || b === "") return a === "" ? 1 : -1;
    return number.test(a) && number.test(b) ? compareNumbers(a, b) : a < b ? -1 : 1;
  };
  const text = (cell) => (cell === null || cell === undefined ? "" : String(cell));

  // Where a figure comes from: place, quoted line, the file's hash.
  const place = (file, line, column, pointer) => {
    if (file === null || file === undefined) return [say["no single file states it"]];
    const [path, sha] = files[file];
    const at = path + (line ? ":" + line + (column ? ":" + column : "") : "") + (pointer ? " " + pointer : "");
    const quote = quotes[file] && quotes[file][line];
    return [at, quote ? make("pre", {}, quote) : null, make("div", { class: "sha" }, "SHA-256 " + sha)];
  };
  const table = (caption, heads, rows) =>
    make("table", {}, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...heads.map((h) => make("th", { scope: "col" }, h)))),
      make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((c) => make("td", {}, ...(Array.isArray(c) ? c : [text(c)]).filter((n) => n !== null)))))));
  const pairs = (list) => {
    const dl = make("dl");
    for (const [name, value] of list) if (value) dl.append(make("dt", {}, name), make("dd", {}, value));
    return dl;
  };
  const changed = (before, after) => {
    const names = [...new Set([...Object.keys(before || {}), ...Object.keys(after || {})])];
    const value = (of, name) => (of && of[name] !== null && of[name] !== undefined ? of[name] : "");
    return names.filter((n) => value(before, n) !== value(after, n)).map((n) => [n, value(before, n), value(after, n)]);
  };
  const details = {
    check: (row, own) => {
      const [operands, tolerance, because, formula] = own;
      const all = [pairs([[say["Formula"], formula], [say["Tolerance"], tolerance], [say["Why that tolerance"], because]])];
      all.push(operands.length === 0 ? make("p", {}, say["no figures are recorded for it"])
        : table(say["Figures it was computed from"], [say["Side"], say["What"], say["Value"], say["Place"]],
          operands.map(([side, label, value, ...at]) => [side ? say["Actual"] : say["Expected"], label, value, place(...at)])));
      return all;
    },
    row: (row, own, grid) => {
      const [file, line, column, pointer, run, operation, derived, history] = own;
      const all = [pairs(grid.columns.map(([title], n) => [title, text(row[n])]))];
      all.push(make("h3", {}, say["Place"]), make("div", {}, ...(derived ? [say["derived from"] + " " + derived] : place(file, line, column, pointer)).filter(Boolean)));
      all.push(make("h3", {}, say["History"]));
      if (!history) all.push(make("p", {}, say["Run"] + " " + run + ": " + operation + " – " + say["written once, not changed since"]));
      for (const [at, what, before, after, ...where] of history || []) {
        all.push(table(say["Run"] + " " + at + ": " + what, [say["Column"], say["Before"], say["After"]], changed(before, after)),
          make("div", {}, ...place(...where).filter(Boolean)));
      }
      return all;
    },
    change: (row, own) => [table(own[2] || "", [say["Column"], say["Before"], say["After"]], changed(own[0], own[1]))],
    plain: (row, own, grid) => [pairs(grid.columns.map(([title], n) => [title, text(row[n])]).concat((own || []).map(([k, v]) => [word(k), text(v)])))],
    finding: (row, own) => [pairs([[say["Message"], row[3]], [say["What to do"], own[0]]]), own[1] ? make("pre", {}, own[1]) : null].filter(Boolean),
  };

  const builders = [], drawn = [];
  const build = (root, grid) => {
    const width = grid.columns.length;
    const rows = grid.rows || read(grid.from);
    let order = null, down = false, wanted = "", only = {}, page = 0, shown = rows, haystack = null;
    const body = make("tbody"), count = make("span", { role: "status" }), pages = make("span");
    const heads = grid.columns.map(([title, kind], n) => make("th", { scope: "col", class: kind === "n" ? "n" : null },
      make("button", { type: "button", onclick: () => sort(n) }, title)));
    const filter = () => {
      const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
      if (words.length > 0 && !haystack) haystack = rows.map((row) => row.slice(0, width).map(text).join("\u0001").toLowerCase());
      const keep = (row, at) => words.every((w) => haystack[at].includes(w)) && Object.entries(only).every(([n, v]) => text(row[n]) === v);
      shown = words.length > 0 || Object.keys(only).length > 0 ? rows.filter(keep) : rows;
      if (order !== null) {
        const sign = down ? -1 : 1;
        shown = [...shown].sort((a, b) => sign * compare(text(a[order]), text(b[order])));
      }
      page = 0;
      draw();
    };
    const sort = (n) => {
      down = order === n ? !down : false;
      order = n;
      heads.forEach((head, at) => (at === n ? head.setAttribute("aria-sort", down ? "descending" : "ascending") : head.removeAttribute("aria-sort")));
      filter();
    };
    // What does not agree and need not hold is no failure: here as among the differences.
    const mood = (said, row) => (grid.detail === "check" && tone(said) === "bad" && row[6] !== "error" ? "warn" : tone(said));
    const cell = (value, kind, row) => {
      const said = text(value);
      if (kind === "s") return make("td", {}, make("span", { class: "tag " + mood(said, row) }, word(said)));
      return make("td", { class: "nmdt".includes(kind) ? kind : null }, cut(said));
    };
    const line = (row) => {
      const open = make("button", { type: "button", class: "open", "aria-expanded": "false", "aria-label": say["Show where it comes from"] + ": " + cut(text(row[0]) + " " + text(row[1])) }, "+");
      const tr = make("tr", {}, make("td", {}, open), ...grid.columns.map(([, kind], n) => cell(row[n], kind, row)));
      open.addEventListener("click", () => {
        const is = open.getAttribute("aria-expanded") === "true";
        if (is) tr.nextSibling.remove();
        else tr.after(make("tr", { class: "detail" }, make("td", { colspan: width + 1 }, ...details[grid.detail](row, row[width] || [], grid))));
        open.setAttribute("aria-expanded", String(!is));
        open.textContent = is ? "+" : "−";
      });
      return tr;
    };
    const draw = (all) => {
      const from = all ? 0 : page * PAGE;
      body.replaceChildren(...shown.slice(from, all ? PRINTED : from + PAGE).map(line));
      const last = Math.max(1, Math.ceil(shown.length / PAGE));
      count.textContent = shown.length + (shown.length === rows.length ? "" : " " + say["of"] + " " + rows.length) + " " + say["rows"];
      const turn = (by, sign, name) => make("button", { type: "button", class: "page", "aria-label": name, disabled: page + by < 0 || page + by >= last, onclick: () => { page += by; draw(); } }, sign);
      pages.replaceChildren(...(last > 1 ? [turn(-1, "‹", say["Previous page"]), " " + say["Page"] + " " + (page + 1) + " " + say["of"] + " " + last + " ", turn(1, "›", say["Next page"])] : []));
    };
    const tools = make("div", { class: "tools" },
      make("label", {}, say["Search"], make("input", { type: "search", oninput: (event) => { wanted = event.target.value; filter(); } })));
    grid.columns.forEach(([title, kind], n) => {
      if (kind !== "s" && kind !== "c") return;
      const values = [...new Set(rows.map((row) => text(row[n])))].sort();
      if (values.length < 2 || values.length > 60) return;
      const select = make("select", { onchange: (event) => { if (event.target.selectedIndex === 0) delete only[n]; else only[n] = event.target.value; filter(); } },
        make("option", { value: "" }, say["All"]), ...values.map((v) => make("option", { value: v }, word(v))));
      tools.append(make("label", {}, title, select));
    });
    tools.append(count, pages);
    root.replaceChildren(tools, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": grid.title },
      make("table", {}, make("caption", {}, grid.title), make("thead", {}, make("tr", {}, make("td"), ...heads)), body)));
    drawn.push(draw);
    if (grid.sort !== null) sort(grid.sort); else draw();
  };

  for (const grid of grids) {
    const root = document.getElementById(grid.id);
    const section = root.closest("main > details");
    let built = false;
    const once = () => { if (!built && section.open) { built = true; build(root, grid); } };
    section.addEventListener("toggle", once);
    builders.push(once);
    once();
  }
  // On paper everything is open, but for the rows.
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("main > details, .cards > details")].filter((d) => !d.open && !d.id.startsWith("rows-"));
    closed.forEach((d) => { d.open = true; });
    builders.forEach((build) => build());
    drawn.forEach((draw) => draw(true));
  });
  window.addEventListener("afterprint", () => {
    closed.forEach((d) => { d.open = false; });
    drawn.forEach((draw) => draw());
  });

  // A link to a section opens it.
  const follow = () => { const to = location.hash && document.getElementById(location.hash.slice(1)); if (to && to.tagName === "DETAILS") to.open = true; };
  window.addEventListener("hashchange", follow);
  follow();
})();

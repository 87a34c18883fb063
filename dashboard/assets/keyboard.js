// Keys: a visible button or link with data-key="c" is pressed by c, J and K move in the table of the page, Enter opens.
(function () {
  const ROWS_HELP = [
    ["J", "Next row"],
    ["K", "Row before"],
    ["Enter", "Open the row"],
    ["Space", "Select the row"],
  ];

  function takesText(element) {
    return (
      element instanceof HTMLElement &&
      (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName)) &&
      !["checkbox", "radio", "button", "submit"].includes(element.type)
    );
  }

  function isVisible(element) {
    return element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden";
  }

  function keyed() {
    return [...document.querySelectorAll("[data-key]")].filter((one) => isVisible(one) && !one.disabled);
  }

  // The table that J and K move in: a grid of the class key-rows, by the api that dash-ag-grid keeps for its id.
  function table() {
    return apiOf([...document.querySelectorAll(".key-rows")].find(isVisible));
  }

  function apiOf(holder) {
    if (!holder || !holder.id || !window.dash_ag_grid) return null;
    try {
      return window.dash_ag_grid.getApi(holder.id);
    } catch (_error) {
      // It is about to be made.
      return null;
    }
  }

  function move(api, step) {
    const total = api.getDisplayedRowCount();
    if (!total) return;
    const focused = api.getFocusedCell();
    const next = focused ? Math.min(Math.max(focused.rowIndex + step, 0), total - 1) : 0;
    const column = focused ? focused.column : api.getAllDisplayedColumns()[0];
    api.ensureIndexVisible(next);
    api.setFocusedCell(next, column);
  }

  function focusedRow(api) {
    const focused = api.getFocusedCell();
    return focused ? api.getDisplayedRowAtIndex(focused.rowIndex) : null;
  }

  function open(api) {
    const row = focusedRow(api);
    if (row && row.data && row.data.href) window.ringfenceGo(row.data.href);
  }

  // As a dcc.Link does it: the page changes without a reload.
  window.ringfenceGo = function (href) {
    window.history.pushState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  };

  window.ringfenceFocusedRow = function () {
    const api = table();
    const row = api ? focusedRow(api) : null;
    return row && row.data ? row.data : null;
  };

  function line(key, words) {
    const row = document.createElement("tr");
    const cell = document.createElement("td");
    const cap = document.createElement("kbd");
    cap.textContent = key.length === 1 ? key.toUpperCase() : key;
    cell.append(cap);
    const text = document.createElement("td");
    text.textContent = words;
    row.append(cell, text);
    return row;
  }

  function help() {
    let dialog = document.getElementById("keys-dialog");
    if (dialog && dialog.open) {
      dialog.close();
      return;
    }
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "keys-dialog";
      dialog.className = "keys";
      dialog.setAttribute("aria-labelledby", "keys-title");
      document.body.append(dialog);
    }
    const title = document.createElement("h2");
    title.id = "keys-title";
    title.textContent = "Keys of this page";
    const lines = document.createElement("table");
    const body = document.createElement("tbody");
    lines.append(body);
    const seen = new Set();
    keyed().forEach((one) => {
      if (seen.has(one.dataset.key)) return;
      seen.add(one.dataset.key);
      body.append(line(one.dataset.key, one.dataset.keyHelp || one.textContent.trim()));
    });
    if (table()) ROWS_HELP.forEach(([key, words]) => body.append(line(key, words)));
    const close = document.createElement("button");
    close.type = "button";
    close.className = "keys-close";
    close.textContent = "Close";
    close.addEventListener("click", () => dialog.close());
    dialog.replaceChildren(title, lines, close);
    dialog.showModal();
  }

  document.addEventListener("keydown", function (event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (takesText(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      help();
      return;
    }
    // A dialogue that is open has the keys to itself.
    if ([...document.querySelectorAll("dialog[open], [aria-modal='true']")].some(isVisible)) return;
    const key = event.key.toLowerCase();
    const button = event.key.length === 1 && keyed().find((one) => one.dataset.key.toLowerCase() === key);
    if (button) {
      event.preventDefault();
      button.click();
      return;
    }
    const api = table();
    if (!api) return;
    if (key === "j" || key === "k") {
      event.preventDefault();
      move(api, key === "j" ? 1 : -1);
    } else if (event.key === "Enter" && !/^(A|BUTTON|SUMMARY)$/.test(event.target.tagName)) {
      event.preventDefault();
      open(api);
    }
  });

  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("[data-key='?']")) help();
  });

  // A click opens a row that leads somewhere, with Ctrl in a tab of its own; the box before it only selects.
  document.addEventListener("click", function (event) {
    const line = event.target.closest && event.target.closest(".key-rows .ag-row");
    if (!line || event.target.closest("[col-id='ag-Grid-SelectionColumn']")) return;
    const api = apiOf(line.closest(".key-rows"));
    const row = api && api.getDisplayedRowAtIndex(Number(line.getAttribute("row-index")));
    if (!row || !row.data || !row.data.href) return;
    if (event.ctrlKey || event.metaKey) window.open(row.data.href, "_blank", "noopener");
    else window.ringfenceGo(row.data.href);
  });

  // The way to the page that is open is marked, for eyes and for screen readers.
  function isCurrent(path) {
    const here = window.location.pathname;
    if (path === "/") return here === "/" || here.startsWith("/case/");
    if (path === "/search" && /^\/(entity|ring)\//.test(here)) return true;
    return here === path || here.startsWith(path + "/");
  }

  function mark() {
    document.querySelectorAll("nav a.way").forEach((way) => {
      const current = isCurrent(way.getAttribute("href")) ? "page" : null;
      if (way.getAttribute("aria-current") === current) return;
      if (current) way.setAttribute("aria-current", current);
      else way.removeAttribute("aria-current");
    });
  }

  window.addEventListener("popstate", () => setTimeout(mark));
  window.addEventListener("_dashprivate_pushstate", () => setTimeout(mark));
  let due = false;
  new MutationObserver(function () {
    if (due) return;
    due = true;
    window.setTimeout(() => {
      due = false;
      mark();
    }, 50);
  }).observe(document.documentElement, { childList: true, subtree: true });
})();

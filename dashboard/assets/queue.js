// The queue's table: fetches lines as it is scrolled, and every few seconds looks whether those in sight have changed.
(function () {
  const GRID = "queue-grid";
  const LIVE_MILLISECONDS = 4000;
  const FRESH_MILLISECONDS = 2000;
  const HOLD_MILLISECONDS = 10;
  const HOLD_TIMES = 500;
  const FILTERS = ["state", "severity", "kind", "assignee", "due", "snoozed", "q", "score", "money"];
  let joined = null;
  let first = null;

  function grid() {
    if (!document.getElementById(GRID) || !window.dash_ag_grid) return null;
    try {
      return window.dash_ag_grid.getApi(GRID);
    } catch (_error) {
      return null;
    }
  }

  function address() {
    const query = new URLSearchParams(window.location.search);
    const kept = new URLSearchParams();
    [...FILTERS, "by", "way"].forEach((name) => query.has(name) && kept.set(name, query.get(name)));
    return kept;
  }

  async function lines(start, end) {
    const query = address();
    query.set("start", start);
    query.set("end", end);
    const answer = await fetch("/queue/rows?" + query, { headers: { Accept: "application/json" } });
    if (answer.status === 401) window.location.reload();
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error || "The queue cannot be read now.");
    return body;
  }

  function tell(id, props) {
    if (document.getElementById(id)) window.dash_clientside.set_props(id, props);
  }

  function told(total, failed) {
    tell("queue-total", { children: total.toLocaleString("en") + (total === 1 ? " case" : " cases") });
    tell("queue-empty", { hidden: total > 0 || Boolean(failed) });
    tell("queue-trouble", { children: failed || "", hidden: !failed });
  }

  function keepSort(model) {
    const query = new URLSearchParams(window.location.search);
    const before = query.get("by") + query.get("way");
    query.delete("by");
    query.delete("way");
    if (model.length) {
      query.set("by", model[0].colId);
      query.set("way", model[0].sort);
    }
    if (before === query.get("by") + query.get("way")) return;
    const text = query.toString();
    window.history.replaceState(window.history.state, "", window.location.pathname + (text ? "?" + text : ""));
  }

  const source = {
    getRows: async function (params) {
      keepSort(params.sortModel);
      try {
        const isFresh = first && Date.now() - first.at < FRESH_MILLISECONDS && first.query === address().toString();
        const body = isFresh && params.startRow === 0 ? first : await lines(params.startRow, params.endRow);
        params.successCallback(body.rows, body.total);
        told(body.total);
      } catch (error) {
        params.failCallback();
        told(0, error.message);
      }
    },
  };

  function join(api, rows) {
    joined = api;
    first = rows ? { ...rows, query: address().toString(), at: Date.now() } : null;
    hold(api, HOLD_TIMES);
  }

  // dash-ag-grid gives the table a source of its own as soon as it is ready; then ours takes its place, once, as what
  // is shown and selected goes with a source.
  function hold(api, times) {
    if (api.isDestroyed()) return;
    const there = api.getGridOption("datasource");
    if (there === source) return;
    if (there || !times) api.setGridOption("datasource", source);
    else window.setTimeout(() => hold(api, times - 1), HOLD_MILLISECONDS);
  }

  function reload() {
    const api = grid();
    if (api) {
      api.ensureIndexVisible(0, "top");
      api.purgeInfiniteCache();
    }
  }

  // Lines in sight whose content changed are set anew one by one; only where others came or went is the rest fetched.
  async function look() {
    const api = grid();
    if (!api || api !== joined || document.hidden) return;
    hold(api, 0);
    const start = Math.max(api.getFirstDisplayedRowIndex(), 0);
    const end = Math.max(api.getLastDisplayedRowIndex() + 1, start + 1);
    const query = address().toString();
    let body;
    try {
      body = await lines(start, end);
    } catch (error) {
      told(api.getDisplayedRowCount(), error.message);
      return;
    }
    if (grid() !== api || query !== address().toString()) return;
    let moved = body.total !== api.getDisplayedRowCount();
    body.rows.forEach((row, i) => {
      const node = api.getDisplayedRowAtIndex(start + i);
      if (!node || !node.data || node.data.case_id !== row.case_id) moved = true;
      else if (JSON.stringify(node.data) !== JSON.stringify(row)) node.setData(row);
    });
    if (moved) api.refreshInfiniteCache();
    told(body.total);
  }

  window.setInterval(look, LIVE_MILLISECONDS);

  function chosen() {
    const api = grid();
    if (!api) return [];
    const rows = api.getSelectedRows();
    if (rows.length) return rows.map((row) => [row.case_id, row.version]);
    const focused = window.ringfenceFocusedRow && window.ringfenceFocusedRow();
    return focused ? [[focused.case_id, focused.version]] : [];
  }

  // What was chosen when the dialogue opened is what its button acts on.
  let asked = [];

  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.queue = {
    // Once per visit of the page: the table is joined to its lines, the first of which came with the page.
    start: function (rows) {
      window.dash_ag_grid.getApiAsync(GRID).then((api) => join(api, rows));
      return "";
    },
    filter: function (...values) {
      const keep = window.dash_clientside.ringfence.keepFilters;
      const before = address().toString();
      keep(...values, FILTERS);
      if (address().toString() !== before) reload();
      const query = address().toString();
      return [query, "/queue/cases.csv" + (query ? "?" + query : "")];
    },
    act: function (...inputs) {
      const context = window.dash_clientside.callback_context;
      if (!context.triggered.length || !context.triggered[0].value) return window.dash_clientside.no_update;
      const act = context.triggered[0].prop_id.replace("queue-do-", "").replace(".n_clicks", "");
      const [assignee, reasonCode, note, hours, reason] = inputs.slice(-5);
      return {
        act: act,
        cases: act === "take" ? chosen() : asked,
        at: Date.now(),
        assignee: assignee,
        reason_code: reasonCode,
        note: note,
        hours: hours,
        reason: reason,
      };
    },
    done: function (_count) {
      const api = grid();
      if (api) {
        api.deselectAll();
        api.refreshInfiniteCache();
      }
      return "";
    },
    ask: function (clicks) {
      asked = chosen();
      const text = asked.length === 1 ? asked[0][0] : asked.length + " cases";
      if (clicks && !asked.length) tell("queue-message", { children: "Select cases first, by their boxes or with J and K." });
      return [Boolean(clicks && asked.length), text];
    },
  };
})();

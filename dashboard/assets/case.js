// The dialogs of a case: which one opens, and with what chosen. What they decide is done by the server.
(function () {
  const none = () => window.dash_clientside.no_update;

  function pressed() {
    const found = window.dash_clientside.callback_context.triggered;
    return found.length && found[0].value ? found[0].prop_id.split(".")[0] : null;
  }

  const STARTS = { "case-confirm": "confirmed_fraud", "case-dismiss": "false_positive", "case-decide": "suspicious" };

  // By the count of presses, not by what triggered: a button that was put in just now triggers too.
  function sayWhy(act) {
    return (clicks) => (clicks ? [true, act] : [none(), none()]);
  }

  function ringAct(act) {
    return (clicks) =>
      clicks ? [true, act, act === "suppress" ? {} : { display: "none" }] : [none(), none(), none()];
  }

  // A table as a file; what a spreadsheet would take for a formula goes in as text.
  document.addEventListener("click", function (event) {
    const button = event.target.closest && event.target.closest("[data-csv]");
    const api = button && window.dash_ag_grid ? window.dash_ag_grid.getApi(button.dataset.csv) : null;
    if (!api) return;
    const plain = (value) => (/^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : value);
    api.exportDataAsCsv({
      fileName: `${window.location.pathname.split("/").pop()}-${button.dataset.csv}.csv`,
      processCellCallback: (cell) => (cell.value == null ? "" : plain(String(cell.value))),
    });
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    ringfence_case: {
      decide: function () {
        const start = STARTS[pressed()];
        return start ? [true, start] : [none(), none()];
      },
      codes: function (disposition, codes) {
        const there = (codes && codes[disposition]) || [];
        return [there, there.length ? there[0].value : null];
      },
      open: function (clicks) {
        return clicks ? true : none();
      },
      refuse: sayWhy("refuse"),
      reopen: sayWhy("reopen"),
      ring_suppress: ringAct("suppress"),
      ring_close: ringAct("close"),
      ring_reopen: ringAct("reopen"),
    },
  });
})();

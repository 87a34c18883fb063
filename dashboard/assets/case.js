// The dialogs of a case: which one opens, and with what chosen. What they decide is done by the server.
(function () {
  const none = () => window.dash_clientside.no_update;

  function pressed() {
    const found = window.dash_clientside.callback_context.triggered;
    return found.length && found[0].value ? found[0].prop_id.split(".")[0] : null;
  }

  const STARTS = { "case-confirm": "confirmed_fraud", "case-dismiss": "false_positive", "case-decide": "suspicious" };
  const WHYS = { "case-refuse": "refuse", "case-reopen": "reopen" };

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
      ringAct: function (clicks) {
        const button = clicks && pressed();
        if (!button) return [none(), none(), none()];
        const act = button.replace("ring-", "");
        return [true, act, act === "suppress" ? {} : { display: "none" }];
      },
      sayWhy: function () {
        const act = WHYS[pressed()];
        return act ? [true, act] : [none(), none()];
      },
    },
  });
})();

// Light or dark: the pages, the tables and the canvas follow the attribute that Mantine keeps on the document.
(function () {
  const root = document.documentElement;

  function scheme() {
    return root.getAttribute("data-mantine-color-scheme") === "dark" ? "dark" : "light";
  }

  function spread() {
    document.body.setAttribute("data-ag-theme-mode", scheme());
    // Before the first page is there nobody listens; the canvas then asks for itself.
    if (document.getElementById("shell-ready")) {
      window.dash_clientside.set_props("shell-scheme", { data: scheme() });
    }
  }

  new MutationObserver(spread).observe(root, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    ringfence: {
      pickStyle: function (_changed, styles) {
        return styles[scheme()];
      },
      // Filters, then their names: they stand in the address, so that it can be kept and sent on; nothing is reloaded.
      keepFilters: function (...values) {
        const names = values.pop();
        const query = new URLSearchParams(window.location.search);
        names.forEach((name, i) => {
          const value = Array.isArray(values[i]) ? values[i].join(",") : values[i];
          if (value === null || value === undefined || value === "" || value === "*") query.delete(name);
          else query.set(name, value);
        });
        const text = query.toString();
        window.history.replaceState(window.history.state, "", window.location.pathname + (text ? "?" + text : ""));
        return "";
      },
    },
  });
})();

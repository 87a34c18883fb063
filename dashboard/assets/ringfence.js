// Light or dark: the pages, the tables and the canvas follow the attribute that Mantine keeps on the document.
(function () {
  const root = document.documentElement;

  function tell() {
    const scheme = root.getAttribute("data-mantine-color-scheme") === "dark" ? "dark" : "light";
    document.body.setAttribute("data-ag-theme-mode", scheme);
    if (window.dash_clientside && window.dash_clientside.set_props && document.getElementById("shell-ready")) {
      window.dash_clientside.set_props("shell-scheme", { data: scheme });
    }
    return scheme;
  }

  new MutationObserver(tell).observe(root, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    ringfence: {
      pickStyle: function (_scheme, styles) {
        return styles[tell()];
      },
    },
  });
})();

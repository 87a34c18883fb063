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
    },
  });
})();

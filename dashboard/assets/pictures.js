// A button with data-png saves the picture in its card as a PNG file, made in the browser. Plotly comes after the page
// and draws after that, so a button may be pressed before its picture is there: the press then waits for it.
(function () {
  const LOOK_AGAIN = 50;

  function drawn(view) {
    const picture = view.querySelector(".js-plotly-plot");
    return window.Plotly && picture && picture.querySelector(".main-svg") ? picture : null;
  }

  // By the card's id, as the page may draw its cards anew meanwhile; null when it went away.
  async function whenDrawn(id) {
    for (;;) {
      const view = document.getElementById(id);
      const picture = view && drawn(view);
      if (!view || picture) return picture;
      await new Promise((go) => setTimeout(go, LOOK_AGAIN));
    }
  }

  async function save(button) {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      const picture = await whenDrawn(button.closest(".view").id);
      if (!picture) return;
      const place = picture.getBoundingClientRect();
      await window.Plotly.downloadImage(
        {
          data: picture.data,
          layout: { ...picture.layout, paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff" },
        },
        {
          format: "png",
          width: Math.round(place.width),
          height: Math.round(place.height),
          scale: 2,
          filename: `ringfence-${button.dataset.png}`,
        },
      );
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest ? event.target.closest("[data-png]") : null;
    if (button) save(button);
  });
})();

// A button with data-png saves the picture in its card as a PNG file, made in the browser.
document.addEventListener("click", function (event) {
  const button = event.target.closest ? event.target.closest("[data-png]") : null;
  if (!button || !window.Plotly) return;
  const picture = button.closest(".view").querySelector(".js-plotly-plot");
  if (!picture) return;
  const place = picture.getBoundingClientRect();
  window.Plotly.downloadImage(
    { data: picture.data, layout: { ...picture.layout, paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff" } },
    { format: "png", width: Math.round(place.width), height: Math.round(place.height), scale: 2, filename: "ringfence-" + button.dataset.png }
  );
});

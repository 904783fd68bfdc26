// Draws each canvas from the numbers that it carries, in the colours of the theme, and again when the theme changes.
(() => {
  const drawn = new Map();
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const numbers = new Intl.NumberFormat(document.documentElement.lang || "en");
  const short = new Intl.NumberFormat(document.documentElement.lang || "en", { notation: "compact" });
  const dashes = [[], [6, 4], [2, 3]];

  function dataset(series, place, kind) {
    const tone = colour(`--op-chart-${series.tone}`);
    const common = { label: series.name, data: series.numbers, backgroundColor: tone, borderColor: tone };
    return kind === "line"
      ? { ...common, borderWidth: 2, borderDash: dashes[place % dashes.length], pointRadius: series.numbers.length > 1 ? 0 : 3, pointHitRadius: 12, cubicInterpolationMode: "monotone", spanGaps: false }
      : { ...common, borderWidth: 0, borderRadius: 2, maxBarThickness: 28 };
  }

  function options(told) {
    const text = colour("--op-faint"), line = colour("--op-line"), stacked = told.kind === "stack", sideways = told.kind === "list";
    const labels = { stacked, grid: { display: false }, border: { color: line }, ticks: { color: text, maxRotation: 0, autoSkip: !sideways, autoSkipPadding: 16 } };
    const amounts = { stacked, beginAtZero: true, grid: { color: line }, border: { display: false }, ticks: { color: text, precision: 0, maxTicksLimit: 6, callback: (value) => short.format(value) } };
    return {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      indexAxis: sideways ? "y" : "x",
      interaction: { mode: "index", intersect: false, axis: sideways ? "y" : "x" },
      scales: sideways ? { x: amounts, y: labels } : { x: labels, y: amounts },
      plugins: {
        legend: { display: told.series.length > 1, position: "bottom", labels: { color: text, boxWidth: 10, boxHeight: 10 } },
        tooltip: { filter: (item) => !stacked || item.raw !== 0, callbacks: { label: (item) => `${item.dataset.label}: ${item.raw === null ? "–" : numbers.format(item.raw)}` } },
      },
    };
  }

  function draw(canvas) {
    drawn.get(canvas)?.destroy();
    const told = JSON.parse(canvas.dataset.chart);
    const datasets = told.series.map((series, place) => dataset(series, place, told.kind));
    const type = told.kind === "line" ? "line" : "bar";
    Chart.defaults.font.family = "Inter, system-ui, sans-serif";
    drawn.set(canvas, new Chart(canvas, { type, data: { labels: told.labels, datasets }, options: options(told) }));
  }

  function drawAll() {
    document.querySelectorAll("canvas[data-chart]").forEach(draw);
  }

  function nameRegions() {
    const language = document.documentElement.lang;
    if (language === "en") return; // the page has the names that the API gives
    const names = new Intl.DisplayNames([language], { type: "region" });
    for (const place of document.querySelectorAll("[data-region]:not([data-region=''])")) place.textContent = names.of(place.dataset.region);
  }

  window.addEventListener("load", () => {
    nameRegions();
    drawAll();
    let dark = document.documentElement.classList.contains("dark");
    new MutationObserver(() => {
      if (dark === document.documentElement.classList.contains("dark")) return;
      dark = !dark;
      drawAll();
    }).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  });
})();

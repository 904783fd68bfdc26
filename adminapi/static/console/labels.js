// Calls what the theme lets scroll by a name in the reader's language: it has an English one alone.
document.addEventListener("DOMContentLoaded", () => {
  const text = document.querySelector(".op-skip")?.dataset.scrolls;
  if (text) SimpleBar.defaultOptions.ariaLabel = text;
});

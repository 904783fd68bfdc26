// What the theme leaves undone. What it lets scroll gets a name in the reader's language: it has an English one alone.
document.addEventListener("DOMContentLoaded", () => {
  const text = document.querySelector(".op-skip")?.dataset.scrolls;
  if (text) SimpleBar.defaultOptions.ariaLabel = text;
});
// A browser focuses nothing that is hidden, and the theme hides each page until it has begun.
document.addEventListener("alpine:initialized", () => setTimeout(() => {
  if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
}));

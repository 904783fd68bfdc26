// What the theme leaves undone. What it lets scroll gets a name in the reader's language: it has an English one alone.
document.addEventListener("DOMContentLoaded", () => {
  const text = document.querySelector(".op-skip")?.dataset.scrolls;
  if (!text) return;
  SimpleBar.defaultOptions.ariaLabel = text;
  const list = document.querySelector("main [data-simplebar]");  // beside the navigation, which scrolls too
  list?.setAttribute("data-simplebar-aria-label", `${document.title.split(" | ")[0]} · ${text}`);
});
// Icons are words in a font of pictures, and no part of a name: what shows nothing else is called by its title, or as here.
const hideIcons = () => {
  const names = document.querySelector(".op-skip")?.dataset ?? {};
  document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])").forEach((icon) => {
    icon.setAttribute("aria-hidden", "true");
    const place = icon.closest("a, button");
    const name = names[icon.textContent.trim()];
    if (name && !place?.title && !wordsIn(place)) place?.setAttribute("aria-label", name);
  });
};
const wordsIn = (place) => {
  const copy = place?.cloneNode(true);
  copy?.querySelectorAll(".material-symbols-outlined").forEach((icon) => icon.remove());
  return copy?.textContent.trim();
};
document.addEventListener("DOMContentLoaded", hideIcons);
document.addEventListener("htmx:load", hideIcons);
// A browser focuses nothing that is hidden, and the theme hides each page until it has begun.
document.addEventListener("alpine:initialized", () => setTimeout(() => {
  if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
}));
// From what is wrong to the field that mends it, also where its section is closed.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-goes]");
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  const section = field.closest("details");
  if (section) section.open = true;
  field.scrollIntoView({ block: "center" });
  const input = field.matches("input, select, textarea, [tabindex]") ? field : field.querySelector("input");
  input?.focus({ preventScroll: true });
});
// A form that was sent is not sent again by a second click: what it did the first time might be done twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
// Whoever comes back to a page finds its forms as they were.
window.addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach((form) => delete form.dataset.sent));
// Whoever goes back to the page of something new after it was sent sends the same one, and not a second; whoever loads it
// again begins another.
document.addEventListener("DOMContentLoaded", () => {
  const madeAs = document.querySelector("input[name=made_as]");
  if (!madeAs) return;
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  if (isBack && history.state?.madeAs) madeAs.value = history.state.madeAs;
  else history.replaceState({ madeAs: madeAs.value }, "");
});
// Whoever was logged out gets the login as a page, which leads back here, and not in the place of a part of this one.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (!event.detail.shouldSwap || new URL(event.detail.xhr.responseURL).pathname !== "/console/login/") return;
  event.detail.shouldSwap = false;
  location.assign(location.pathname + location.search);
});

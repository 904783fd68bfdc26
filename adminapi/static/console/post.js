// What somebody opened or closed on a post's page stays so when the page looks again by itself, and the focus where it is.
(() => {
  "use strict";

  let seen = new Map();
  let focused = "";
  const foldings = () => [...document.querySelectorAll("#post details[id]")];

  document.addEventListener("htmx:beforeSwap", () => {
    seen = new Map(foldings().map((each) => [each.id, each.open]));
    focused = document.activeElement.id;
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const each of foldings()) each.open = seen.get(each.id) ?? each.open;
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus();
  });
})();

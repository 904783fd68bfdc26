// Rows of a schedule: one more from the template, one less; the server checks what comes of it.
(() => {
  const slots = document.getElementById("slots");
  const another = document.getElementById("another");
  let next = Number(slots.dataset.next);

  document.getElementById("add-slot").addEventListener("click", () => {
    const holder = document.createElement("div");
    holder.innerHTML = another.innerHTML.replaceAll("NUMBER", String(next));
    next += 1;
    const row = holder.firstElementChild;
    slots.append(row);
    row.querySelector("select").focus();
  });

  slots.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remove]");
    if (!button) return;
    button.closest("fieldset").remove();
    (slots.querySelector("fieldset:last-child select") || document.getElementById("add-slot")).focus();
  });
})();

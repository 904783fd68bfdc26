// Rows of a schedule: one more from the template, one less; the server checks what comes of it. Both are drawn anew when
// another workspace is chosen.
(() => {
  const form = document.getElementById("schedule");

  document.getElementById("add-slot").addEventListener("click", () => {
    const slots = document.getElementById("slots");
    const holder = document.createElement("div");
    holder.innerHTML = document.getElementById("another").innerHTML.replaceAll("NUMBER", slots.dataset.next);
    slots.dataset.next = Number(slots.dataset.next) + 1;
    const row = holder.firstElementChild;
    slots.append(row);
    row.querySelector("select").focus();
  });

  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remove]");
    if (!button) return;
    button.closest("fieldset").remove();
    (form.querySelector("#slots fieldset:last-child select") || document.getElementById("add-slot")).focus();
  });
})();

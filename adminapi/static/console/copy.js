"use strict";
// Buttons that copy what a field has; where the browser does not let us, the text is selected.
for (const button of document.querySelectorAll("[data-copies]")) {
  const field = document.getElementById(button.dataset.copies);
  const status = document.querySelector("[data-copy-status]");
  button.addEventListener("click", async () => {
    field.focus();
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      status.textContent = button.dataset.copied;
    } catch {
      status.textContent = button.dataset.selected;
    }
  });
}

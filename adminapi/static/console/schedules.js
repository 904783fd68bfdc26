// Rows of a schedule: one more from the template, one less; the server checks what comes of it. Both are drawn anew when
// another workspace is chosen.
(() => {
  const form = document.getElementById("schedule");
  const slots = () => document.getElementById("slots");

  function add(number) {
    const holder = document.createElement("div");
    holder.innerHTML = document.getElementById("another").innerHTML.replaceAll("NUMBER", number);
    slots().dataset.next = number + 1;
    return slots().appendChild(holder.firstElementChild);
  }

  document.getElementById("add-slot").addEventListener("click", () => {
    add(Number(slots().dataset.next)).querySelector("select").focus();
    remember();
  });

  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-remove]");
    if (!button) return;
    button.closest("fieldset").remove();
    (form.querySelector("#slots fieldset:last-child select") || document.getElementById("add-slot")).focus();
    remember();
  });

  // The page remembers its rows, and the schedule as it was shown: a browser that comes back to it knows nothing of rows
  // that were added or removed.
  const ROW = /^slot-(\d+)-/;
  const isTold = ([name]) => name === "shown" || ROW.test(name);
  const remember = () => history.replaceState({ ...history.state, rows: [...new FormData(form)].filter(isTold) }, "");

  function restore(told) {
    slots().replaceChildren();
    for (const number of new Set(told.map(([name]) => Number(ROW.exec(name)?.[1])))) if (!Number.isNaN(number)) add(number);
    const valuesOf = (name) => told.filter(([given]) => given === name).map(([, value]) => value);
    for (const field of form.elements) {
      const values = valuesOf(field.name);
      if (!isTold([field.name])) continue;
      if (field.type === "checkbox") field.checked = values.includes(field.value);
      else if (values.length) field.value = values[0];
    }
    for (const box of slots().querySelectorAll("details :checked")) box.closest("details").open = true;
  }

  // The server offers the accounts of the workspace that the address names, also to a browser that comes back.
  document.getElementById("schedule-workspace")?.addEventListener("change", ({ target }) => {
    history.replaceState(history.state, "", target.value ? `?workspace=${target.value}` : location.pathname);
  });

  form.addEventListener("change", remember);
  window.addEventListener("pageshow", () => {
    const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
    if (isBack && history.state?.rows) restore(history.state.rows);
  });
})();

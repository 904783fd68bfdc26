// The page that composes a post: uploads with their progress, the order of files, sections of the chosen networks.
// What may be published is asked of the server; nothing here knows a rule.
(() => {
  const form = document.getElementById("compose");
  if (!form) return;
  const files = document.getElementById("compose-files");
  const uploads = document.getElementById("compose-uploads");
  const input = document.getElementById("compose-file");
  const drop = document.getElementById("compose-drop");
  const said = document.getElementById("compose-said");
  const summary = document.getElementById("compose-summary");
  const dialog = document.getElementById("compose-publish");
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  const text = (name, values = {}) =>
    form.dataset[`text${name}`].replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const changed = (element) => element.dispatchEvent(new Event("input", { bubbles: true }));

  // Files are sent one after the other: the first may make the draft that the others belong to.
  let line = Promise.resolve();
  let onTheWay = 0;
  let edits = 0;
  let saved = "unsaved" in form.dataset ? -1 : 0;

  function take(chosen) {
    for (const file of chosen) {
      const row = uploads.appendChild(document.createElement("li"));
      row.className = "op-compose-upload";
      onTheWay += 1;
      show(row, file.name, text("Waiting"), 0);
      line = line.then(() => send(file, row));
    }
  }

  function show(row, name, state, value) {
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.setAttribute("aria-label", name);
    if (value !== null) bar.value = value;
    const label = document.createElement("span");
    label.textContent = `${name}: ${state}`;
    row.replaceChildren(label, bar);
  }

  function send(file, row) {
    return new Promise((done) => {
      const body = new FormData(form);
      const sent = edits;
      body.delete("file");
      body.append("file", file);
      body.append("file_id", idOf(file));
      const request = new XMLHttpRequest();
      request.upload.addEventListener("loadend", () => { onTheWay -= 1; });
      request.upload.addEventListener("progress", (event) => {
        const percent = Math.floor((100 * event.loaded) / event.total);
        const sent = percent >= 100;
        show(row, file.name, sent ? text("Looking") : text("Percent", { percent }), sent ? null : percent);
      });
      request.addEventListener("loadend", () => { settle(request, file, row, sent); done(); });
      request.responseType = "json";
      request.open("POST", form.dataset.upload);
      request.send(body);
    });
  }

  // As the server makes ids: a file that is sent twice, because the answer was lost, has the same and is added once.
  const ids = new WeakMap();
  function idOf(file) {
    if (!ids.has(file)) {
      const hex = (number, digits) => number.toString(16).padStart(digits, "0");
      const time = hex(Date.now(), 12);
      const random = [...crypto.getRandomValues(new Uint8Array(9))].map((byte) => hex(byte, 2)).join("");
      ids.set(file, `media_${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6)}`);
    }
    return ids.get(file);
  }

  function settle(request, file, row, sent) {
    const answer = request.status === 200 ? request.response : null;
    if (answer?.is_new) {
      becomeDraft(answer);
      saved = sent;
    }
    if (!answer || answer.refused) {
      refuse(row, file, answer ? answer.refused : [`${file.name}: ${text("Failed")}`]);
      return;
    }
    row.remove();
    files.insertAdjacentHTML("beforeend", answer.row);
    said.textContent = text("Added", { name: file.name });
    changed(uploads);
  }

  function becomeDraft(answer) {
    form.elements.namedItem("post").value = answer.post;
    form.elements.namedItem("shown").value = answer.shown;
    form.action = answer.address;
    history.replaceState(null, "", answer.address);
    document.getElementById("compose-draft-note").textContent = text("Saved");
    const workspace = document.getElementById("workspace");
    if (workspace) workspace.disabled = true;
  }

  function refuse(row, file, texts) {
    const told = document.createElement("p");
    told.className = "op-error";
    told.setAttribute("role", "alert");
    const isNamed = texts.some((each) => each.startsWith(file.name));
    told.textContent = (isNamed ? texts : [`${file.name}:`, ...texts]).join(" ");
    const again = button(text("Again"), () => { row.remove(); take([file]); });
    const dismiss = button(text("Dismiss"), () => { row.remove(); input.focus(); changed(uploads); });
    row.dataset.refused = file.name;
    row.replaceChildren(told, again, dismiss);
  }

  function button(label, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "op-button";
    made.textContent = label;
    made.addEventListener("click", act);
    return made;
  }

  // Taken on the way down: the theme's own listener on such a field looks for a field beside it that is not here.
  form.addEventListener("change", (event) => {
    if (event.target !== input) return;
    event.stopPropagation();
    take([...input.files]);
    input.value = "";
  }, true);
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("op-compose-over-drop"); });
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("op-compose-over-drop"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  // What no button has saved is lost with the page, and so is a file that was not sent whole; one that was comes to the
  // draft by itself.
  form.addEventListener("input", (event) => { if (event.target !== uploads && event.target !== input) edits += 1; });
  window.addEventListener("beforeunload", (event) => {
    if (onTheWay || (edits !== saved && !isLeaving)) event.preventDefault();
  });

  // A button waits for the files that are on their way, so that they are on the post when it goes out; pressed twice,
  // it counts once. The page is left only for an answer: after a logout what is written would be lost with it.
  let isPressed = false;
  let isLeaving = false;
  form.addEventListener("submit", (event) => {
    if (isLeaving) return;
    event.preventDefault();
    if (isPressed) return;
    isPressed = true;
    const pressed = event.submitter;
    line.then(async () => missesFile() || isLost(await whyLost())).then((stops) => {
      isPressed = false;
      if (stops) return;
      isLeaving = true;
      form.requestSubmit(pressed);
    });
  });

  function missesFile() {
    const row = uploads.querySelector("[data-refused]");
    if (!row) return false;
    dialog?.close();
    summary.textContent = text("Missing", { name: row.dataset.refused });
    row.scrollIntoView({ block: "center" });
    row.querySelector("button").focus({ preventScroll: true });
    return true;
  }

  function isLost(words) {
    if (!words) return false;
    dialog?.close();
    tell(words);
    summary.scrollIntoView({ block: "center" });
    return true;
  }

  async function whyLost() {
    const body = new FormData(form);
    body.delete("file");
    try {
      const answer = await fetch(preview.getAttribute("hx-post"), { method: "POST", body });
      return isPreview(await answer.text()) ? "" : whyNone(answer.status);
    } catch {
      return text("Lost");
    }
  }

  // A preview that is none, as after a logout, is told and not shown; what is written stays.
  const preview = document.getElementById("compose-preview");
  const isPreview = (answer) => answer.includes('id="compose-summary"');
  const whyNone = (status) => text(status === 404 ? "Gone" : "Lost");
  const tell = (words) => {
    summary.textContent = words;
    preview.textContent = words;
  };
  // Nor does the part that asks for files on their way lead to the login, as parts of other pages do.
  form.addEventListener("htmx:beforeSwap", (event) => {
    const answer = event.detail.serverResponse;
    if (event.target === preview ? isPreview(answer) : answer.includes('id="compose-arrivals"')) return;
    event.detail.shouldSwap = false;
    tell(whyNone(event.detail.xhr.status));
  });
  preview.addEventListener("htmx:sendError", () => tell(text("Lost")));
  // Whoever logs in again in another window has a new token, and this page goes on with it.
  window.addEventListener("focus", () => {
    const token = document.cookie.split("; ").find((each) => each.startsWith("csrftoken="));
    if (token) form.elements.namedItem("csrfmiddlewaretoken").value = token.slice("csrftoken=".length);
  });

  function move(pressed) {
    const row = pressed.closest("[data-file]");
    const other = pressed.dataset.move === "1" ? row.nextElementSibling : row.previousElementSibling;
    if (!other) return;
    if (pressed.dataset.move === "1") other.after(row);
    else other.before(row);
    pressed.focus();
    const rows = [...files.children];
    const name = row.querySelector(".op-compose-filename").firstChild.textContent.trim();
    said.textContent = text("Moved", { name, place: rows.indexOf(row) + 1, count: rows.length });
    changed(files);
  }

  function add(pressed) {
    const last = pressed.previousElementSibling;
    const another = last.cloneNode();
    another.value = "";
    last.after(another);
    return another;
  }

  form.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (!pressed) return;
    if (pressed.dataset.move) move(pressed);
    else if ("add" in pressed.dataset) add(pressed).focus();
    else if ("closes" in pressed.dataset) pressed.closest("dialog").close();
    else if (pressed.dataset.opens && form.querySelector("input[name=platforms]:checked")) {  // without one it is refused
      event.preventDefault();
      document.getElementById(pressed.dataset.opens).showModal();
    }
  });

  // Enter in a field presses the first button of a form, which does not take the time.
  const time = document.getElementById("scheduled_at");
  time?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("button[value=schedule]"));
  });

  // The sections of the chosen networks alone are shown; what the others say is kept.
  function showSections() {
    const chosen = new Set([...form.querySelectorAll("input[name=platforms]:checked")].map((box) => box.dataset.platform));
    for (const section of form.querySelectorAll("details[data-network]")) section.hidden = !chosen.has(section.dataset.network);
    document.getElementById("compose-none").hidden = chosen.size > 0;
  }
  form.addEventListener("change", (event) => {
    if (event.target.name === "platforms") showSections();
    if (event.target.id === "workspace") form.requestSubmit(form.querySelector("[data-workspace]"));
  });
  showSections();

  // The page remembers what is written when it is left: a browser that comes back to it by itself knows nothing of the
  // fields that were added. What the page tells of its post comes back too, unless a button may have changed that.
  const FLEETING = ["csrfmiddlewaretoken", "file", "key", "section"];
  const SHOWN = ["shown", "shown_file"];
  let remembered = 0;
  function remember() {
    remembered = edits;
    const left = [...FLEETING, ...(isLeaving ? SHOWN : [])];
    const written = [...new FormData(form)].filter(([name]) => !left.includes(name));
    history.replaceState({ ...history.state, written, isSaved: isLeaving || edits === saved }, "");
  }

  function restore(written) {
    const given = new Map();
    for (const [name, value] of written) given.set(name, [...(given.get(name) ?? []), value]);
    const valuesOf = (name) => given.get(name) ?? [];
    for (const button of form.querySelectorAll("[data-add]")) {
      const fields = button.parentElement.getElementsByTagName("textarea");
      while (fields.length < valuesOf(fields[0].name).length) add(button);
    }
    restoreFiles(valuesOf("order"), valuesOf("shown_file"));
    for (const field of form.elements) {
      if (field.type === "hidden" && field.closest("[data-file]")) continue;
      if (field.type === "checkbox" || field.type === "radio") field.checked = valuesOf(field.name).includes(field.value);
      else if (valuesOf(field.name).length) field.value = valuesOf(field.name).shift();
    }
  }

  function restoreFiles(order, shown) {
    const rows = order.map((id) => files.querySelector(`[data-file="${CSS.escape(id)}"]`));
    rows.forEach((row, place) => {
      if (row && place in shown) row.querySelector("[name=shown_file]").value = shown[place];
    });
    files.prepend(...rows.filter(Boolean));
  }

  form.addEventListener("change", remember);
  // During a step back the state may already be that of the page before: so only what was written since is remembered.
  window.addEventListener("beforeunload", () => { if (isLeaving || edits !== remembered) remember(); });
  window.addEventListener("pageshow", () => {
    isLeaving = false;
    if (!isBack) return;
    if (history.state?.written) restore(history.state.written);
    showSections();
    changed(history.state?.isSaved ? uploads : form);
  });
  if (!isBack) history.replaceState({ ...history.state, written: null }, "");

  const choose = form.querySelector("[data-workspace]");
  if (choose) choose.hidden = true;
})();

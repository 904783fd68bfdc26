/* What one post, one free slot and one notice look like; `told` are the texts and addresses that the page has. */
function calendarTiles(room) {
  "use strict";

  const told = room.dataset;
  const states = Object.fromEntries([...room.querySelectorAll("[data-state]")].map((key) => [key.dataset.state, key.dataset]));
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const composeAt = (when) => `${told.compose}&at=${encodeURIComponent(when.slice(0, 16))}`;

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function icon(name) {
    const element = make("span", "material-symbols-outlined", name);
    element.setAttribute("aria-hidden", "true");
    return element;
  }

  function notice(sign, text) {
    const element = make("p", "op-calendar-notice");
    element.append(icon(sign), make("span", "", text));
    return element;
  }

  function draftItem(post) {
    const item = make("li", "op-calendar-draft");
    item.dataset.id = post.id;
    item.append(link(told.postPage.replace("PK", post.id), post.text), line(marks(post), moveButton(post)));
    return item;
  }

  function line(...parts) {
    const element = make("div", "op-event-line");
    element.append(...parts);
    return element;
  }

  function link(url, text) {
    const element = make("a", "op-event-text", text);
    element.href = url;
    element.draggable = false;
    return element;
  }

  function marks(post) {
    const element = make("span", "op-event-marks");
    element.setAttribute("aria-hidden", "true");
    element.title = post.networks.map((network) => network.name).join(", ");
    element.append(...post.networks.map((network) => make("span", "op-calendar-mark", network.mark)));
    if (post.networks.length > 2) element.append(make("span", "op-event-rest", `+${post.networks.length - 1}`));
    return element;
  }

  function moveButton(post) {
    const [word, label] = post.state === "draft" ? [told.textSchedule, told.textScheduleLabel] : [told.textMove, told.textMoveLabel];
    const element = make("button", "op-event-move", word);
    element.type = "button";
    element.dataset.move = post.id;
    element.setAttribute("aria-label", fill(label, { text: post.text }));
    return element;
  }

  function content(arg) {
    const { kind, post, slot } = arg.event.extendedProps;
    if (kind === "clocks") return true;
    const time = arg.event.startStr.slice(11, 16);
    return { domNodes: kind === "post" ? postContent(post, time) : freeContent(slot, time) };
  }

  function postContent(post, time) {
    const state = states[post.state] ?? { name: post.state, icon: "edit_note" };
    const clock = [time, post.offset].filter(Boolean).join(" ");
    const first = line(icon(state.icon), make("span", "op-event-time", clock), marks(post));
    if (post.movable) first.append(moveButton(post));
    const text = link(told.postPage.replace("PK", post.id), post.text);
    const slot = post.schedule && fill(post.held ? told.textHeld : told.textSlot, { schedule: post.schedule });
    const queue = [post.paused && told.textPaused, slot].filter(Boolean).join(", ");
    const networks = post.networks.map((network) => network.name).join(", ");
    text.setAttribute("aria-label", [clock, state.name, networks, queue, post.text].filter(Boolean).join(", "));
    text.title = [state.name, networks, queue, post.text].filter(Boolean).join("\n");
    return [first, text, ...(queue ? [make("span", "op-event-queue", queue)] : [])];
  }

  function freeContent(slot, time) {
    const element = link(composeAt(slot.start), "");
    element.append(icon("add_circle"), make("span", "op-event-time", time), " ", make("span", "op-event-schedule", slot.schedule));
    element.setAttribute("aria-label", fill(told.textFreeLabel, { time, schedule: slot.schedule }));
    return [element];
  }

  return { states, fill, make, notice, draftItem, content, composeAt };
}

/* The calendar of a workspace. Times are wall-clock times of its zone: FullCalendar is told that they are UTC and so
   leaves them alone, whatever the zone of the browser. What may be moved, and to when, is the server's word. */
(() => {
  "use strict";

  const room = document.getElementById("calendar-room");
  const told = room.dataset;
  const at = (id) => document.getElementById(id);
  const choice = at("calendar-choice");
  const dialog = at("calendar-move");
  const form = dialog.querySelector("form");
  const VIEWS = { month: "dayGridMonth", week: "timeGridWeek", agenda: "agenda" };
  const FILTERS = ["platform", "account", "status"];
  const MORNING = "09:00";
  const states = Object.fromEntries([...room.querySelectorAll("[data-state]")].map((key) => [key.dataset.state, key.dataset]));
  const posts = new Map();
  const address = new URLSearchParams(location.search);
  const loaded = { local: Date.parse(`${told.now}Z`), ticked: performance.now() };

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const nowThere = () => new Date(loaded.local + performance.now() - loaded.ticked).toISOString().slice(0, 19);
  const day = (moment) => new Date(moment).toISOString().slice(0, 10);
  const nameOf = (view) => Object.keys(VIEWS).find((name) => VIEWS[name] === view);

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

  /* What is said to the person. */

  function say(text) {
    at("calendar-refused").hidden = true;
    at("calendar-told").hidden = !text;
    at("calendar-told").textContent = text;
  }

  function sayRefused(answer, last = "") {
    at("calendar-told").hidden = true;
    const place = at("calendar-refused");
    place.hidden = false;
    place.replaceChildren(...refusal(answer), ...(last ? [make("p", "", last)] : []));
  }

  function refusal(answer) {
    const list = make("ul", "op-list");
    list.append(...(answer.reasons ?? []).map((reason) => make("li", "", reason)));
    return [make("p", "", answer.message), ...(list.children.length ? [list] : [])];
  }

  /* What is asked of the server. */

  async function ask(url, options) {
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, ...options });
      return { ok: answer.ok, ...(await answer.json()) };
    } catch {
      return { ok: false, message: told.textLost };
    }
  }

  async function load(info, done, fail) {
    const query = new URLSearchParams({ workspace: told.workspace, from: day(info.start), to: day(info.end - 1) });
    for (const name of FILTERS) if (choice.elements[name].value) query.set(name, choice.elements[name].value);
    const answer = await ask(`${told.events}?${query}`);
    if (!answer.ok) {
      sayRefused(answer);
      fail(new Error(answer.message));
      return;
    }
    Object.assign(loaded, { local: Date.parse(`${answer.now}Z`), ticked: performance.now() });
    posts.clear();
    for (const post of [...answer.posts, ...answer.drafts]) posts.set(post.id, post);
    showAround(answer);
    done([...answer.posts.map(asPost), ...answer.free.map(asFree), ...answer.changes.flatMap(asChange)]);
  }

  async function move(post, when) {
    const body = new URLSearchParams({ at: when, csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
    return ask(told.postMove.replace("PK", post.id), { method: "POST", body });
  }

  /* What the answer becomes in the calendar. */

  const asPost = (post) => ({
    id: post.id,
    title: post.text,
    start: post.start,
    startEditable: post.movable,
    classNames: ["op-event", `op-${states[post.state]?.tone ?? "calm"}`],
    extendedProps: { kind: "post", post },
  });

  const asFree = (slot) => ({
    id: slot.id,
    title: told.textFree,
    start: slot.start,
    startEditable: false,
    classNames: ["op-event", "op-event-free"],
    extendedProps: { kind: "free", slot },
  });

  function asChange(change) {
    const shared = { title: change.title, startEditable: false, classNames: ["op-event-clocks"], extendedProps: { kind: "clocks", change } };
    return [
      { ...shared, start: change.day, allDay: true },
      { ...shared, start: change.first, end: change.last, display: "background" },
    ];
  }

  function showAround(answer) {
    at("calendar-notices").replaceChildren(
      ...answer.changes.map((change) => notice("schedule", change.text)),
      ...(answer.cut ? [notice("warning", answer.cut)] : []),
    );
    at("calendar-counted").textContent = fill(told.textCounted, { posts: answer.posts.length, free: answer.free.length });
    at("calendar-more-drafts").hidden = !answer.more_drafts;
    const drafts = answer.drafts.map(draftItem);
    at("calendar-drafts").replaceChildren(...(drafts.length ? drafts : [make("li", "op-faint", told.textNoDrafts)]));
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
    const queue = post.schedule && fill(post.held ? told.textHeld : told.textSlot, { schedule: post.schedule });
    const networks = post.networks.map((network) => network.name).join(", ");
    text.setAttribute("aria-label", [clock, state.name, networks, queue, post.text].filter(Boolean).join(", "));
    text.title = [state.name, networks, queue, post.text].filter(Boolean).join("\n");
    return [first, text, ...(queue ? [make("span", "op-event-queue", queue)] : [])];
  }

  function freeContent(slot, time) {
    const element = link(composeAt(slot.start), "");
    element.append(icon("add_circle"), make("span", "op-event-time", time), make("span", "op-event-schedule", slot.schedule));
    element.setAttribute("aria-label", fill(told.textFreeLabel, { time, schedule: slot.schedule }));
    return [element];
  }

  /* Another time for a post: dragged, or typed into the dialog. */

  const composeAt = (when) => `${told.compose}&at=${encodeURIComponent(when.slice(0, 16))}`;
  let open = null; // what the dialog is about: the post, and what takes a drag back

  async function dropped(post, when, takeBack) {
    if (post.schedule) {
      openDialog(post, when, takeBack);
      return;
    }
    const answer = await move(post, when);
    if (answer.ok) settled(answer);
    else if (answer.choices) refuseInDialog(openDialog(post, when, takeBack), answer);
    else {
      takeBack();
      sayRefused(answer, told.textStays);
    }
  }

  function settled(answer) {
    say(answer.message);
    calendar.refetchEvents();
  }

  function openDialog(post, when, takeBack = () => {}) {
    open = { post, takeBack, opener: document.activeElement };
    const isDraft = post.state === "draft";
    at("calendar-move-title").textContent = isDraft ? told.textTitleSchedule : told.textTitleMove;
    at("calendar-move-text").textContent = post.text;
    at("calendar-move-leaves").hidden = !post.schedule;
    at("calendar-move-leaves").textContent = fill(told.textLeaves, { schedule: post.schedule });
    form.elements.date.value = when.slice(0, 10);
    form.elements.time.value = when.slice(11, 16);
    refuseInDialog(open, null);
    dialog.showModal();
    return open;
  }

  function refuseInDialog(about, answer) {
    if (about !== open) return;
    at("calendar-move-refused").replaceChildren(...(answer ? refusal(answer) : []));
    const place = at("calendar-move-choices");
    place.hidden = !answer?.choices;
    place.replaceChildren(...(answer?.choices ?? []).map(choiceButton));
  }

  function choiceButton(each) {
    const element = make("button", "op-button op-primary", each.label);
    element.type = "button";
    element.addEventListener("click", () => send(each.at));
    return element;
  }

  async function send(when) {
    const about = open;
    const answer = await move(about.post, when);
    if (!answer.ok) {
      refuseInDialog(about, answer);
      return;
    }
    about.takeBack = () => {};
    dialog.close();
    settled(answer);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(`${form.elements.date.value}T${form.elements.time.value}`);
  });
  form.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    open.takeBack();
    if (open.opener?.isConnected) open.opener.focus();
  });

  room.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (!button) return;
    const post = posts.get(button.dataset.move);
    openDialog(post, post.state === "draft" ? tomorrow() : post.start);
  });

  const tomorrow = () => `${day(loaded.local + 86400000)}T${MORNING}`;

  function clicked(info) {
    const when = info.allDay ? `${info.dateStr}T${morningOf(info.dateStr)}` : info.dateStr.slice(0, 16);
    if (when < nowThere()) sayRefused({ message: told.textPast });
    else location.assign(composeAt(when));
  }

  function morningOf(date) {
    const now = nowThere();
    if (date !== now.slice(0, 10) || now.slice(11) < MORNING) return MORNING;
    return now.slice(11, 13) === "23" ? "23:59" : `${String(Number(now.slice(11, 13)) + 1).padStart(2, "0")}:00`;
  }

  /* The address keeps what was chosen. */

  function keepInAddress() {
    const kept = new URLSearchParams({ workspace: told.workspace, view: nameOf(calendar.view.type), date: day(calendar.getDate()) });
    for (const name of FILTERS) if (choice.elements[name].value) kept.set(name, choice.elements[name].value);
    history.replaceState(null, "", `?${kept}`);
  }

  function shown(info) {
    at("calendar-title").textContent = info.view.title;
    for (const button of room.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", String(VIEWS[button.dataset.view] === info.view.type));
    }
    keepInAddress();
    for (const scroller of at("calendar").querySelectorAll(".fc-scroller-liquid-absolute, .fc-list .fc-scroller")) scroller.tabIndex = 0;
  }

  for (const name of FILTERS) choice.elements[name].value = address.get(name) ?? "";
  choice.addEventListener("change", (event) => {
    if (event.target.name === "workspace") {
      const kept = new URLSearchParams({ workspace: event.target.value, view: nameOf(calendar.view.type), date: day(calendar.getDate()) });
      location.assign(`?${kept}`);
      return;
    }
    say("");
    keepInAddress();
    calendar.refetchEvents();
  });

  const heightOf = (view) => (view === "week" ? 720 : "auto");
  const isNarrow = matchMedia("(max-width: 767px)").matches;
  const firstView = address.get("view") in VIEWS ? address.get("view") : isNarrow ? "agenda" : "month";
  const calendar = new FullCalendar.Calendar(at("calendar"), {
    timeZone: "UTC",
    now: nowThere,
    nowIndicator: true,
    locale: told.language === "en" ? "en-gb" : told.language, // the day before the month, as in all our texts
    firstDay: 1,
    headerToolbar: false,
    height: heightOf(firstView),
    views: {
      dayGridMonth: { dayMaxEvents: 4, fixedWeekCount: false },
      timeGridWeek: { eventMaxStack: 3, scrollTime: "07:00", allDaySlot: false, slotEventOverlap: false, snapDuration: "00:15", dayHeaderFormat: { weekday: "short", day: "numeric" } },
      agenda: { type: "list", duration: { days: 14 }, listDayFormat: { weekday: "long", day: "numeric", month: "long" }, listDaySideFormat: false },
    },
    initialView: VIEWS[firstView],
    initialDate: /^\d{4}-\d\d-\d\d$/.test(address.get("date") ?? "") ? address.get("date") : told.now,
    eventTimeFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    slotLabelFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    defaultTimedEventDuration: "00:45",
    displayEventEnd: false,
    eventOrder: "start,-kind,title",
    eventDisplay: "block",
    eventInteractive: false,
    editable: true,
    eventDurationEditable: false,
    droppable: true,
    lazyFetching: false,
    moreLinkContent: (arg) => fill(told.textMore, { count: arg.num }),
    moreLinkHint: (count) => fill(told.textMoreLabel, { count }),
    closeHint: told.textClose,
    noEventsContent: told.textNothing,
    events: load,
    eventContent: content,
    datesSet: shown,
    dateClick: clicked,
    eventDrop: (info) => dropped(info.event.extendedProps.post, info.event.startStr.slice(0, 19), info.revert),
    eventReceive: (info) => {
      const takeBack = () => info.event.remove();
      const post = posts.get(info.event.id);
      const when = info.event.startStr.slice(0, 19);
      info.event.setProp("classNames", ["op-event", "op-calm"]);
      dropped(post, when, takeBack);
    },
  });

  new FullCalendar.Draggable(at("calendar-drafts"), {
    itemSelector: ".op-calendar-draft",
    eventData: (item) => ({ ...asPost(posts.get(item.dataset.id)), start: undefined, startTime: MORNING, duration: "00:45" }),
  });

  for (const button of room.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => calendar[button.dataset.step]());
  }
  for (const button of room.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => {
      calendar.setOption("height", heightOf(button.dataset.view));
      calendar.changeView(VIEWS[button.dataset.view]);
    });
  }
  calendar.render();
})();

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
  const { states, fill, make, notice, draftItem, content, composeAt } = calendarTiles(room);
  const posts = new Map();
  const address = new URLSearchParams(location.search);
  const loaded = { local: Date.parse(`${told.now}Z`), ticked: performance.now() };

  const nowThere = () => new Date(loaded.local + performance.now() - loaded.ticked).toISOString().slice(0, 19);
  const day = (moment) => new Date(moment).toISOString().slice(0, 10);
  const nameOf = (view) => Object.keys(VIEWS).find((name) => VIEWS[name] === view);

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
    const close = make("button", "op-button", told.textClose);
    close.type = "button";
    close.addEventListener("click", () => say(""));
    place.replaceChildren(close, ...refusal(answer), ...(last ? [make("p", "", last)] : []));
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

  let asked = 0;

  async function load(info, done, fail) {
    const mine = (asked += 1);
    const query = new URLSearchParams({ workspace: told.workspace, from: day(info.start), to: day(info.end - 1) });
    for (const name of FILTERS) if (choice.elements[name].value) query.set(name, choice.elements[name].value);
    const answer = await ask(`${told.events}?${query}`);
    if (mine !== asked) {
      done([]); // other days were asked for meanwhile: their answer counts
      return;
    }
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
    const { state, start, schedule } = post; // as this page shows it: somebody may have changed that
    const body = new URLSearchParams({ at: when, state, start, schedule, csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
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
    const shared = { title: change.title, startEditable: false, classNames: ["op-event-clocks"], extendedProps: { kind: "clocks" } };
    return [
      { ...shared, start: change.day, allDay: true },
      { ...shared, start: change.first, end: change.last, display: "background" },
    ];
  }

  function showAround(answer) {
    at("calendar-notices").replaceChildren(
      ...answer.changes.map((change) => notice("schedule", change.text)),
      ...answer.cut.map((text) => notice("warning", text)),
    );
    at("calendar-counted").textContent = fill(told.textCounted, { posts: answer.posts.length, free: answer.free.length });
    at("calendar-more-drafts").hidden = !answer.more_drafts;
    const drafts = answer.drafts.map(draftItem);
    at("calendar-drafts").replaceChildren(...(drafts.length ? drafts : [make("li", "op-faint", told.textNoDrafts)]));
  }

  /* Another time for a post: dragged, or typed into the dialog. */

  let open = null; // what the dialog is about: the post, and what takes a drag back

  async function dropped(post, when, takeBack) {
    if (post.schedule) {
      openDialog(post, when, takeBack);
      return;
    }
    const answer = await move(post, when);
    if (answer.ok) settled(answer);
    else if (answer.choices) refuseInDialog(openDialog(post, when, takeBack), answer);
    else if (answer.is_stale) showPresent(answer, takeBack);
    else {
      takeBack();
      sayRefused(answer, told.textStays);
    }
  }

  function showPresent(answer, takeBack = () => {}) {
    takeBack();
    sayRefused(answer);
    calendar.refetchEvents();
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
    if (answer) (place.querySelector("button") ?? form.elements.date).focus();
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
    if (answer.is_stale) {
      dialog.close();
      showPresent(answer);
      return;
    }
    if (!answer.ok) {
      refuseInDialog(about, answer);
      return;
    }
    about.takeBack = () => {};
    dialog.close();
    follow = about.post.id;
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
    button.focus(); // where the mouse pressed it, too: the keyboard comes back to it
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

  /* Where the keyboard is: in the list of a day while it is open, and at the post that was moved. */

  let moreLink = null;
  let follow = "";

  function openedMore(info) {
    moreLink = info.jsEvent.target.closest(".fc-more-link");
    setTimeout(() => document.querySelector(".fc-popover a.op-event-text")?.focus(), 50);
    return "popover";
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !document.querySelector(".fc-popover")) return;
    setTimeout(() => moreLink?.isConnected && moreLink.focus());
  });

  function followMoved() {
    if (!follow) return;
    const button = room.querySelector(`[data-move="${follow}"]`);
    (button ?? at("calendar-told")).focus();
    follow = "";
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
  }

  for (const name of FILTERS) {
    choice.elements[name].value = address.get(name) ?? "";
    if (choice.elements[name].selectedIndex < 0) choice.elements[name].selectedIndex = 0;
  }
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

  const isNarrow = matchMedia("(max-width: 767px)").matches;
  const firstView = address.get("view") in VIEWS ? address.get("view") : isNarrow ? "agenda" : "month";
  const calendar = new FullCalendar.Calendar(at("calendar"), {
    timeZone: "UTC",
    now: nowThere,
    nowIndicator: true,
    locale: told.language === "en" ? "en-gb" : told.language, // the day before the month, as in all our texts
    firstDay: 1,
    headerToolbar: false,
    height: "auto",
    views: {
      dayGridMonth: { dayMaxEvents: 4, fixedWeekCount: false },
      timeGridWeek: { eventMaxStack: 2, slotDuration: "01:00", allDaySlot: false, slotEventOverlap: false, snapDuration: "00:15", dayHeaderFormat: { weekday: "short", day: "numeric" } },
      agenda: { type: "list", duration: { days: 14 }, listDayFormat: { weekday: "long", day: "numeric", month: "long" }, listDaySideFormat: false },
    },
    initialView: VIEWS[firstView],
    initialDate: /^\d{4}-\d\d-\d\d$/.test(address.get("date") ?? "") ? address.get("date") : told.now,
    eventTimeFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    slotLabelFormat: { hour: "2-digit", minute: "2-digit", hour12: false },
    defaultTimedEventDuration: "00:01", // a post takes no time; its tile has a height of its own
    eventMinHeight: 44,
    eventShortHeight: 0,
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
    moreLinkDidMount: (arg) => arg.el.setAttribute("role", "button"),
    moreLinkClick: openedMore,
    closeHint: told.textClose,
    noEventsContent: told.textNothing,
    events: load,
    eventContent: content,
    datesSet: shown,
    eventsSet: () => setTimeout(followMoved),
    dayCellDidMount: (arg) => arg.el.removeAttribute("aria-labelledby"), // a cell is called by all that it shows
    dateClick: clicked,
    eventDrop: (info) => dropped(info.event.extendedProps.post, info.event.startStr.slice(0, 19), info.revert),
    eventReceive: (info) => {
      info.event.remove(); // it comes again with the answer, once it has that time
      dropped(posts.get(info.event.id), info.event.startStr.slice(0, 19), () => {});
    },
  });

  new FullCalendar.Draggable(at("calendar-drafts"), {
    itemSelector: ".op-calendar-draft",
    eventData: (item) => ({ ...asPost(posts.get(item.dataset.id)), start: undefined, startTime: MORNING, duration: "00:01" }),
  });

  for (const button of room.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => calendar[button.dataset.step]());
  }
  for (const button of room.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => calendar.changeView(VIEWS[button.dataset.view]));
  }
  calendar.render();
})();

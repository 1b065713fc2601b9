(async () => {
  const get = (id) => document.getElementById(id);
  const data = JSON.parse(get("data").textContent);
  const machines = {};
  const inflate = async (packed) => {
    const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
  };
  const machineOf = async (key) => (machines[key] ||= (0, eval)(await inflate(data.machines[key])));
  const recordingOf = async (name) => JSON.parse(await inflate(data.scenarios.find((one) => one.name === name).packed));

  // What is shown: a lesson (its number), free play, or a scenario.
  const choice = { mode: "lesson", lesson: 0, generation: data.generation, stages: 2, served: false, scenario: data.scenario || data.scenarios[0].name };
  const language = { now: navigator.language.startsWith("zh") ? "zh" : "en" };
  let texts = data.texts[language.now], session = null, drawing = null, done = false, timer = 0, recording = null;
  // From which cycle to which the last press of an instruction has led.
  let pressed = null;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const ui = (key, values = {}) => fill(texts.ui[key], values);
  const nameOf = (key) => texts.parts[key][0];
  const calm = matchMedia("(prefers-reduced-motion: reduce)"), narrow = matchMedia("(max-width: 720px)");

  // ---- beginning -------------------------------------------------------------------------------------

  // A session as chosen; `link`: actions and the cycle to go to.
  const begin = async (link = null) => {
    stop();
    const lesson = choice.mode === "lesson" ? LESSONS[choice.lesson] : null;
    if (lesson) choice.generation = lesson.generation;
    if (lesson && !lesson.stages) choice.stages = 2;
    recording = choice.mode === "scenario" ? await recordingOf(choice.scenario) : null;
    if (recording) [choice.generation, choice.stages] = [recording.generation, recording.stages];
    const machine = await machineOf(recording ? recording.machine : `${choice.generation}.${choice.stages}`);
    const setup = recording ? [] : lesson ? lesson.setup : ["bios", "sti", "fninit", "unmask"];
    const handlers = choice.mode === "free" && choice.served ? data.handlers : {};
    session = new Session(data, machine, { recording, handlers, setup });
    if (!recording) session.prepare();
    session.start ||= 0;
    done = false;
    pressed = null;
    if (lesson) {
      const watch = (now, past, memo) => { if (session.cycle >= session.start && (lesson.done(now, past, memo) || memo.done)) memo.done = true; };
      session.watch = watch;
      session.settle();
    }
    if (link) {
      session.actions = [...session.actions, ...link.actions];
      session.replay(Math.min(link.cycle, session.last));
    }
    layout();
  };

  const layout = () => {
    texts = data.texts[language.now];
    document.documentElement.lang = language.now === "zh" ? "zh-CN" : "en";
    document.title = ui("title");
    for (const one of document.querySelectorAll("[data-text]")) one.textContent = ui(one.dataset.text);
    for (const one of document.querySelectorAll("[data-title]")) one.title = ui(one.dataset.title);
    for (const one of document.querySelectorAll("[data-label]")) one.setAttribute("aria-label", ui(one.dataset.label));
    for (const mode of ["lesson", "free", "scenario"]) get(`mode-${mode}`).setAttribute("aria-pressed", choice.mode === mode);
    get("lesson").hidden = choice.mode !== "lesson";
    get("about").hidden = choice.mode !== "scenario";
    get("options").hidden = choice.mode === "scenario" || (choice.mode === "lesson" && !LESSONS[choice.lesson].stages);
    for (const id of ["generation", "served"]) get(id).closest("label").hidden = choice.mode !== "free";
    get("controls").hidden = choice.mode === "scenario";
    // Many buttons stand beside the drawing, a few above it.
    get("free").hidden = choice.mode !== "free";
    get("glossary").replaceChildren(...wordList(Object.keys(texts.words)));
    if (choice.mode === "free") get("free").prepend(get("controls"), get("options"));
    else get("status").before(get("options"), get("controls"));
    lessonText();
    aboutText();
    buttons();
    get("generation").value = choice.generation;
    for (const option of get("generation").options) option.title = texts.generations[option.value].replaceAll("*", "");
    get("stages").value = choice.stages;
    get("served").value = +choice.served;
    drawing = new Drawing(get("drawing"), pick);
    drawing.build(texts, choice.stages, narrow.matches);
    pick(null);
    show();
  };

  // ---- controls --------------------------------------------------------------------------------------

  const KEYS = "1234567890qwetzuiopasdfhjklyxcvbn";
  const GROUPS = [
    ["program", ["fninit", "unmask", "mask", "fdiv", "fst", "fwait", "fnstsw", "fnclex"]],
    ["handlerProgram", ["f0", "eois", "eoim", "iret"]],
    ["processor", ["sti", "cli", "ne1", "ne0", "em.1", "em.0", "ts.1", "ts.0", "mp.1", "mp.0", "em1", "em0", "msr1", "msr0", "bios"]],
  ];
  let keyed = {};

  const button = (label, act, attributes = {}) => {
    const made = document.createElement("button");
    made.type = "button";
    const key = KEYS[Object.keys(keyed).length];
    if (key) {
      keyed[key] = act;
      const cap = document.createElement("kbd");
      cap.textContent = key;
      cap.setAttribute("aria-hidden", "true");
      made.append(cap, " ");
      made.setAttribute("aria-keyshortcuts", key);
    }
    made.append(label);
    for (const name in attributes) made.setAttribute(name, attributes[name]);
    made.addEventListener("click", act);
    return made;
  };

  const buttons = () => {
    keyed = {};
    const lesson = choice.mode === "lesson" ? LESSONS[choice.lesson] : null, made = [];
    if (choice.mode !== "scenario") {
      const groups = lesson ? [["program", lesson.buttons]] : GROUPS;
      for (const [title, ids] of groups) {
        if (!ids.length) continue;
        made.push(fieldset(ui(title), ids.map((id) => button(texts.steps[id], () => press(id), { "data-step": id }))));
      }
      const pins = lesson ? lesson.pins : ["ignne_n", "irq", "nmi", "reset"];
      if (pins.length) made.push(fieldset(ui("pins"), pins.map(pinButton)));
    }
    get("controls").replaceChildren(...made);
  };

  const pinButton = (name) => {
    const made = button(texts.pins[name], () => toggle(name), { "data-pin": name, "aria-pressed": "false" }), again = document.createElement("span");
    again.className = "again";
    again.textContent = ` (${ui("again")})`;
    made.append(again);
    if (name === "nmi") made.title = texts.words.NMI;
    return made;
  };
  const fieldset = (title, inside) => {
    const made = document.createElement("fieldset"), legend = document.createElement("legend");
    legend.textContent = title;
    made.append(legend, ...inside);
    return made;
  };

  const busy = (block) => {
    const { cpu } = session;
    return !cpu.idle && !cpu.waiting && !cpu.taking && cpu.position.block === block;
  };

  // An instruction, and as many cycles as it takes; none where the processor is frozen.
  const press = (id) => {
    if (session.recording || session.over) return;
    stop();
    const block = session.cpu.position.block;
    session.press(id);
    let cycles = 0;
    const from = session.cycle;
    do advance(); while (++cycles < 12 && !session.over && busy(block));
    pressed = { from, to: session.cycle };
    show(session.cpu.waiting && session.queued() ? ui("queued") : "");
  };
  const toggle = (name) => {
    if (session.recording) return;
    stop();
    session.pin(name, session.pins[name] ? 0 : 1);
    show();
  };
  let firstStep = null;
  const advance = () => {
    if (session.over) return false;
    firstStep ??= performance.now();
    session.step();
    return true;
  };
  const step = () => { stop(); const moved = advance(); show(moved ? "" : ending()); };
  const back = () => {
    stop();
    if (session.cycle <= session.start) return;
    session.replay(session.cycle - 1);
    show();
  };
  const ending = () => (session.recording ? ui("over") : ui("limit", { n: MOST_CYCLES }));

  // Until nothing has moved for as long as anything can take, or the processor begins a handler.
  const QUIET = 14;
  const run = () => {
    stop();
    let quiet = 0, moved = 0;
    const handler = session.view().handler;
    while (quiet < QUIET && moved < 1000 && !session.over) {
      session.tick();
      moved++;
      const { rows } = session;
      quiet = rows.length > 1 && same(rows[rows.length - 2], rows[rows.length - 1]) ? quiet + 1 : 0;
      if (!session.recording && session.view().handler !== handler) break;
    }
    session.settle();
    // What stands still is shown where it began to.
    if (!session.recording && quiet >= QUIET) {
      const { start } = session;
      session.replay(session.cycle - quiet + 1);
      session.start = start;
    }
    show(session.over ? ending() : quiet >= QUIET ? ui("rest") : "");
  };
  const same = (a, b) => {
    for (const name in a) if (typeof a[name] !== "object" && a[name] !== b[name]) return false;
    for (const inner of ["view", "stages", "cr0"]) for (const name in a[inner]) if (a[inner][name] !== b[inner][name]) return false;
    return true;
  };

  const slow = () => {
    if (timer) { stop(); return; }
    timer = setInterval(() => { if (!advance()) stop(); show(); }, 1000);
    get("slow").setAttribute("aria-pressed", "true");
    get("slow").textContent = ui("pause");
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    get("slow").setAttribute("aria-pressed", "false");
    get("slow").textContent = ui("slow");
  };

  // ---- what is seen ----------------------------------------------------------------------------------

  const say = (key, signal, value) => {
    const name = signal.startsWith("stage") ? `${nameOf("sync")} ${"①②③"[signal.slice(5)]}` : ["slave", "master"].includes(key) ? `${nameOf(key)} ${signal.slice(-3).toUpperCase()}` : nameOf(key);
    return `${name}: ${level(signal, value)}`;
  };
  const level = (signal, value) => {
    if (typeof value !== "number" || /_(irr|isr|imr)$|flags|masks/.test(signal)) return typeof value === "number" ? `${hex(value, 2)}h` : value;
    if (signal === "outside") return ui(value ? "letsGo" : "pulls");
    const wires = ["ferr_n", "ignne_n", "irq13", "slave_int", "intr", "inta", "irq"];
    if (!wires.includes(signal)) return String(value);
    const active = signal.endsWith("_n") ? !value : value;
    return `${value} (${ui(value ? "high" : "low")}, ${ui(active ? "asserted" : "negated")})`;
  };
  let picked = null;
  const pick = (key, signal) => {
    if (key) picked = [key, signal];
    const box = get("part");
    if (!picked) { box.textContent = ui("part"); return; }
    if (!key && document.activeElement?.dataset?.part) picked = [document.activeElement.dataset.part, document.activeElement.dataset.signal];
    const [part, name] = picked, [, what, ...ends] = texts.parts[part], [driver, sampler, section] = name.startsWith("stage") ? stageEnds(+name.slice(5), ends) : ends;
    const strong = document.createElement("strong");
    strong.textContent = say(part, name, valueOf(session.now, name));
    const list = document.createElement("dl");
    for (const [term, value] of [["drives", driver], ["samples", sampler], ["source", section]]) {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = ui(term);
      dd.textContent = value;
      list.append(dt, dd);
    }
    box.replaceChildren(strong, " ", ...emphasised(what), list);
  };
  // A flip-flop of the synchroniser takes from the one before it and gives to the one behind it; the ends as they are.
  const stageEnds = (stage, [driver, sampler, section]) => [stage ? "①②③"[stage - 1] : driver, stage < choice.stages - 1 ? "①②③"[stage + 1] : sampler, section];

  const because = (cycle, name, rows = [...session.rows, session.now]) => {
    if (recording) {
      const cause = recording.causes.find(([signal, at]) => signal === name && at === cycle);
      return cause ? cause[3] : [];
    }
    return causesOf(rows, cycle, name, choice.stages, choice.generation === "I486");
  };

  // What changed in a cycle, in words; `rows` are the levels by cycle.
  const happened = (cycle, rows) => {
    const now = rows[cycle], said = [];
    if (cycle < 1) return said;
    for (const name of TRACED) {
      if (now[name] === rows[cycle - 1][name]) continue;
      let line = texts.edges[name][now[name] ? 0 : 1];
      if (recording && language.now === "en") {
        const cause = recording.causes.find(([signal, at]) => signal === name && at === cycle);
        if (cause) line += ` (${ui("because", { n: cause[2] })})`;
      } else {
        const edges = because(cycle, name, rows).filter(([signal]) => signal !== "step");
        if (edges.length) line += ` (${ui("because", { n: edges.map(([signal, at]) => ui("becauseEdge", { name: signal === "freeze" ? nameOf(signal) : STRIP_NAMES[signal] || signal, n: at })).join(", ") })})`;
      }
      said.push(line);
    }
    return said;
  };

  const state = () => {
    const { now } = session, { handler } = now.view;
    const where = handler === "main" ? "" : ` · ${handler === "host" ? ui("host") : ui("inHandler", { n: handler })}`;
    if (now.freeze) return ui("frozen") + where;
    if (now.window) return ui("window") + where;
    if (now.inta) return ui("acknowledges");
    if (now.view.waiting) return ui("waits") + where;
    return (now.view.step === "-" ? ui(recording ? "waits" : "idle") : ui("runs")) + where;
  };

  const stepName = (one) => (one && one.id && texts.steps[one.id]) || (one ? one.text : "");
  const describe = ({ kind, value, step }) => {
    const number = ["enters", "returns", "reads"].includes(kind) ? `${hex(Number(value), 2)}h` : "";
    const what = texts.kinds[kind] ? fill(texts.kinds[kind], { n: number }) : kind;
    return kind === "enters" || !step || step.text === "-" ? what : `${stepName(step)} – ${what}`;
  };

  const show = (message = "") => {
    const { now, cycle } = session, rows = [...session.rows, now], from = pressed && pressed.to === cycle ? pressed.from : cycle - 1;
    drawing.update(now, session.rows.slice(Math.max(from, 0)), say);
    const screen = get("drawing").querySelector(".now"), under = get("drawing").querySelector(".state");
    const current = session.cpu && session.cpu.current;
    screen.textContent = recording ? now.view.step : current && !session.cpu.idle ? stepName(current) : "–";
    under.textContent = state();
    get("drawing").classList.toggle("is-frozen", !!now.freeze);
    get("cycle").textContent = ui("cycle", { n: cycle });
    get("back").disabled = cycle <= session.start;
    for (const one of document.querySelectorAll("[data-pin]")) one.setAttribute("aria-pressed", one.dataset.pin === "ignne_n" ? !session.pins.ignne_n : !!session.pins[one.dataset.pin]);
    const said = [];
    for (let at = Math.max(from + 1, 0); at <= cycle; at++) for (const line of happened(at, rows)) said.push(at < cycle ? `${ui("cycle", { n: at })}: ${line}` : line);
    const ended = !recording && choice.mode === "lesson" && checkDone();
    get("status").textContent = [ui("cycle", { n: cycle }), state(), ...said, message, ended && !done ? `${ui("done")}: ${texts.lessons[choice.lesson].done}` : ""].filter(Boolean).join(" · ");
    done = ended;
    lessonState();
    log(rows, message);
    get("link-state").textContent = "";
    listing();
    strip();
    if (picked) pick(null);
    address();
  };

  // The task is judged on the present cycle too, which has not ended yet.
  const checkDone = () => {
    const memo = { ...session.memo };
    if (session.cycle >= session.start) session.watch(session.now, session.rows[session.cycle - 1], memo);
    return !!memo.done;
  };

  // Instructions and wires in the order in which they moved, the last MOST_EVENTS of them.
  const MOST_EVENTS = 200;
  const log = (rows, message) => {
    const items = [], events = (recording ? recording.events : session.cpu.events).filter(({ cycle }) => cycle < session.cycle && cycle >= session.start - 1);
    for (let at = session.cycle, last = events.length - 1; at >= Math.max(session.start - 1, 0) && items.length < MOST_EVENTS; at--) {
      for (const line of happened(at, rows).reverse()) items.unshift([at, line]);
      for (; last >= 0 && events[last].cycle >= at; last--) items.unshift([events[last].cycle, describe(events[last])]);
    }
    if (message) items.push([session.cycle, message]);
    get("log").replaceChildren(...items.map(([cycle, text]) => {
      const item = document.createElement("li"), number = document.createElement("b");
      number.textContent = cycle;
      item.append(number, ` ${text}`);
      return item;
    }));
    get("log").scrollTop = get("log").scrollHeight;
  };

  const listing = () => {
    const items = [], add = (text, now, deep) => {
      const item = document.createElement("li");
      item.textContent = text;
      item.className = `${now ? "here" : ""}${deep ? " deep" : ""}`;
      if (now) item.setAttribute("aria-current", "step");
      items.push(item);
    };
    if (recording) {
      for (const [text, deep] of recording.listing) add(text, deep >= 0 && text.includes(session.now.view.step) && session.now.view.step !== "-", deep > 0);
    } else {
      const { cpu } = session;
      const active = [...cpu.frames.map((frame) => frame.position), cpu.position];
      active.forEach((position, depth) => {
        if (depth) add(position.block.name || "75h", false, false);
        position.block.slice(-40).forEach((one, index, all) => {
          const at = position.block.length - all.length + index;
          if (one.text !== "-" && (one.last !== false || at === position.at)) add(stepName(one), at === position.at, depth);
        });
      });
    }
    get("listing").replaceChildren(...items);
    const here = get("listing").querySelector(".here");
    if (here) get("listing").scrollTop = here.offsetTop - get("listing").clientHeight / 2;
  };

  const strip = () => {
    const box = get("strip"), width = Math.max(box.parentElement.clientWidth - 2, 300);
    drawStrip(box, [...session.rows, session.now], width, because, { freeze: nameOf("freeze") });
  };

  // ---- lesson, scenario ------------------------------------------------------------------------------

  // *emphasis* and **strong**, nothing else.
  const emphasised = (text) => text.split(/(\*\*[^*]+\*\*|\*[^*]+\*)/).map((piece) => {
    const mark = piece.startsWith("**") ? "strong" : piece.startsWith("*") ? "em" : null;
    if (!mark) return piece;
    const inner = document.createElement(mark);
    inner.textContent = piece.replaceAll("*", "");
    return inner;
  });
  const marked = (text) => {
    const made = document.createElement("p");
    made.append(...emphasised(text));
    return made;
  };
  const wordList = (words) => words.flatMap((word) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = word;
    dd.textContent = texts.words[word];
    return [dt, dd];
  });
  const lessonText = () => {
    if (choice.mode !== "lesson") return;
    const lesson = texts.lessons[choice.lesson];
    get("screen").textContent = ui("screen", { n: choice.lesson + 1, all: LESSONS.length });
    get("lesson-title").textContent = lesson.title;
    get("here").replaceChildren(...emphasised(ui("here", { n: texts.generations[choice.generation] })));
    get("lesson-text").replaceChildren(...lesson.text.map(marked));
    get("words").replaceChildren(...wordList(LESSONS[choice.lesson].words || []));
    get("task").textContent = lesson.task;
    get("done-text").textContent = lesson.done;
    get("previous").disabled = choice.lesson === 0;
    get("next").disabled = choice.lesson === LESSONS.length - 1;
  };
  const lessonState = () => {
    get("task-box").classList.toggle("is-done", done);
    get("task-state").textContent = ui(done ? "done" : "open");
    get("done-text").hidden = !done;
  };
  const aboutText = () => {
    if (!recording) return;
    get("about-title").textContent = recording.title;
    get("about-text").textContent = recording.about;
    get("scenario").replaceChildren(...data.scenarios.map((one) => {
      const option = document.createElement("option");
      option.value = one.name;
      option.textContent = one.title;
      option.selected = one.name === choice.scenario;
      return option;
    }));
  };
  const screen = (number) => { choice.lesson = Math.min(Math.max(number, 0), LESSONS.length - 1); begin(); };
  const mode = (name) => { choice.mode = name; begin(); };

  // ---- link and download -----------------------------------------------------------------------------

  const address = () => {
    const actions = session.actions.slice(session.setup.length).map(([cycle, what, name, value]) => (what === "pin" ? `${cycle}.${name}=${value}` : `${cycle}.${name}`));
    const parts = { v: 1, m: choice.mode, l: language.now, n: session.cycle };
    if (choice.mode === "lesson") parts.s = choice.lesson + 1;
    if (choice.mode === "scenario") parts.p = choice.scenario;
    if (choice.mode !== "scenario") Object.assign(parts, { g: choice.generation, f: choice.stages, h: +choice.served });
    if (actions.length) parts.a = actions.join("~");
    const text = Object.entries(parts).map(([key, value]) => `${key}:${encodeURIComponent(value)}`).join(";");
    try { history.replaceState(null, "", `#${text}`); } catch { /* a page in a frame of a notebook has no address */ }
    return text;
  };

  // What a link holds. Throws an error that says what is wrong with it.
  const linked = (text) => {
    const parts = Object.fromEntries(text.split(";").map((part) => [part.slice(0, part.indexOf(":")), decodeURIComponent(part.slice(part.indexOf(":") + 1))]));
    const check = (good, key) => { if (!good) throw new Error(`${key} = ${parts[key]}`); };
    check(parts.v === "1", "v");
    check(["lesson", "free", "scenario"].includes(parts.m), "m");
    check(/^\d+$/.test(parts.n), "n");
    if (parts.m === "lesson") check(+parts.s >= 1 && +parts.s <= LESSONS.length, "s");
    if (parts.m === "scenario") check(data.scenarios.some((one) => one.name === parts.p), "p");
    else check(`${parts.g}.${parts.f}` in data.machines, "g");
    const actions = (parts.a ? parts.a.split("~") : []).map((one) => {
      const [, cycle, name, value] = /^(\d+)\.([\w.]+?)(?:=([01]))?$/.exec(one) || [];
      check(name && (value === undefined ? name in data.steps : name in PINS), "a");
      return value === undefined ? [+cycle, "press", name] : [+cycle, "pin", name, +value];
    });
    Object.assign(choice, { mode: parts.m, lesson: (parts.s || 1) - 1, scenario: parts.p || choice.scenario, served: parts.h === "1" });
    if (parts.g) Object.assign(choice, { generation: parts.g, stages: +parts.f });
    if (parts.l in data.texts) language.now = parts.l;
    return { actions, cycle: +parts.n };
  };

  const dump = () => {
    const rows = session.waveform();
    const names = recording ? recording.causes : [];
    return writeVcd(data.variables, rows.length, rows, recording ? recording.title : ui("title"), names);
  };
  const save = () => {
    const url = URL.createObjectURL(new Blob([dump()], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${recording ? choice.scenario : "play"}.vcd`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  const copy = async () => {
    const text = `${location.href.split("#")[0]}#${address()}`;
    try {
      await navigator.clipboard.writeText(text);
      show(ui("copied"));
      get("link-state").textContent = ui("linkDone");
    } catch {
      show(ui("linkHere"));
      get("link-state").textContent = ui("linkBar");
    }
  };

  // ---- wiring it up ----------------------------------------------------------------------------------

  const acts = { step, back, run, slow, reset: () => begin(), vcd: save, link: copy, previous: () => screen(choice.lesson - 1), next: () => screen(choice.lesson + 1) };
  for (const id in acts) get(id).addEventListener("click", acts[id]);
  for (const name of ["lesson", "free", "scenario"]) get(`mode-${name}`).addEventListener("click", () => mode(name));
  get("language").addEventListener("change", () => { language.now = get("language").value; layout(); });
  get("generation").addEventListener("change", () => { choice.generation = get("generation").value; begin(); });
  get("stages").addEventListener("change", () => { choice.stages = +get("stages").value; begin(); });
  get("served").addEventListener("change", () => { choice.served = get("served").value === "1"; begin(); });
  get("scenario").addEventListener("change", () => { choice.scenario = get("scenario").value; begin(); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(SELECT|INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
    const act = { ".": step, ",": back, g: run, m: slow, r: () => begin() }[event.key] || keyed[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  for (const query of [narrow, calm]) query.addEventListener("change", () => layout());
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; strip(); } });

  let link = null, complaint = "";
  if (location.hash.length > 1) {
    try { link = linked(location.hash.slice(1)); } catch (error) { complaint = ui("badLink", { n: error.message }); }
  } else if (data.scenario) choice.mode = "scenario";
  get("language").value = language.now;
  await begin(link);
  if (complaint) show(complaint);
  window.irq13 = {
    get session() { return session; }, get done() { return done; }, get firstStep() { return firstStep; }, dump,
    choose: async (changes) => { Object.assign(choice, changes); await begin(); },
    // Milliseconds for so many cycles of a processor that is pressed.
    measure: (cycles) => {
      const fresh = new Session(data, session.machine, { setup: ["bios", "sti", "fninit", "unmask", "fdiv", "fst"] });
      const from = performance.now();
      for (let n = 0; n < cycles; n++) fresh.tick();
      const passed = performance.now() - from;
      session.replay(session.cycle);
      return passed;
    },
  };
  dispatchEvent(new Event("irq13"));
})();

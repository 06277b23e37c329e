
// The routes of the API's table, a page at a time, and what may be done with them.
class Routes {
  constructor(ask, say, mayWrite) {
    this.ask = ask;
    this.say = say;
    this.mayWrite = mayWrite;
    // The keys after which the pages before this one began, and this one.
    this.begins = [""];
    this.next = undefined;
    this.wanted = { search: "", state: "" };
    // A search through a large table costs its server something: it is not asked again at once.
    this.restUntil = 0;
    this.asked = 0;
    byId("routes-section").hidden = false;
    byId("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.wanted = { search: byId("search").value.trim(), state: byId("state").value };
      this.turnTo([""]);
    });
    byId("state").addEventListener("change", () => byId("search-form").requestSubmit());
    byId("next").addEventListener("click", () => this.turnTo([...this.begins, this.next]));
    byId("previous").addEventListener("click", () => this.turnTo(this.begins.slice(0, -1)));
    this.editor = new Editor(this);
  }

  turnTo(begins) {
    this.begins = begins;
    setText(byId("page-sum"), "Looking…");
    this.load().catch((error) => this.say(error.message, true));
  }

  refresh() {
    if (Date.now() < this.restUntil) return Promise.resolve();
    return this.load();
  }

  async load() {
    const query = new URLSearchParams({ limit: Routes.LIMIT });
    const after = this.begins[this.begins.length - 1];
    if (after !== "") query.set("after", after);
    if (this.wanted.search !== "") query.set("search", this.wanted.search);
    if (this.wanted.state !== "") query.set("state", this.wanted.state);
    const text = query.toString().replaceAll("+", "%20");
    this.asked += 1;
    const { asked } = this;
    const begun = Date.now();
    const states = await (await this.ask("GET", `-/health?${text}`)).json();
    const took = Date.now() - begun;
    const routes = await this.routesOf(Object.keys(states.routes), text);
    // Somebody has turned the page meanwhile.
    if (asked !== this.asked) return;
    this.restUntil = Date.now() + 10 * took;
    this.next = states.next;
    const of = (all, key) => (all !== undefined && Object.hasOwn(all, key) ? all[key] : undefined);
    this.show(Object.entries(routes).map(([key, route]) => ({ key, route, health: of(states.routes, key) ?? [], owner: of(states.owners, key) })));
  }

  // What was looked for is not looked for a second time: its routes are asked for one by one.
  async routesOf(keys, text) {
    if (!this.isSearch()) return (await (await this.ask("GET", `./?${text}`)).json()).routes;
    const one = async (key) => {
      const answer = await this.ask("GET", pathOf(key)).catch((error) => {
        if (error.status !== 404) throw error;
      });
      return [key, await answer?.json()];
    };
    const found = await Promise.all(keys.map(one));
    return Object.fromEntries(found.filter(([, route]) => route !== undefined));
  }

  isSearch() {
    return this.wanted.search !== "" || this.wanted.state !== "";
  }

  show(rows) {
    keep(byId("routes"), rows, (row) => row.key, (row) => this.row(row));
    const number_ = this.begins.length;
    byId("previous").disabled = number_ === 1;
    byId("next").disabled = this.next === undefined;
    const none = this.isSearch() ? "No such route" : "No routes yet";
    setText(byId("page-sum"), rows.length === 0 ? none : `Page ${number(number_)}, ${count(rows.length, "route", "routes")}`);
  }

  row({ key }) {
    const id = make("div", { class: "soft" });
    const backends = make("td");
    const element = make("tr", {}, make("td", { class: "mono" }, key, id), backends);
    const last = make("td", { class: "n" });
    element.append(last);
    const foreign = make("span", { class: "soft" });
    let edit;
    if (this.mayWrite) {
      edit = make("button", { type: "button", "aria-label": `Edit ${key}` }, "Edit");
      edit.addEventListener("click", () => this.editor.open(key));
      last.append(edit, foreign);
    }
    const update = ({ route, health, owner }) => {
      setText(id, route.id ?? "");
      const why = FOREIGN[owner] ?? "";
      if (edit) edit.hidden = why !== "";
      setText(foreign, why);
      const lines = linesOf(route, health).map((line) => ({ ...line, isForeign: why !== "" }));
      keep(backends, lines, (line) => line.key, (line) => this.line(key, line));
    };
    return { element, update };
  }

  // One backend of a route.
  line(key, { url }) {
    const [state, ms, more] = [make("span"), make("span", { class: "ms" }), make("span", { class: "soft" })];
    const element = make("div", { class: "backend" }, state, make("span", { class: "url" }, make("span", { class: "mono" }, url), more), ms);
    let drains = false;
    let [drain, reset] = [undefined, undefined];
    if (this.mayWrite) {
      drain = make("button", { type: "button" });
      drain.addEventListener("click", () => this.drain(key, url, !drains));
      reset = make("button", { type: "button", "aria-label": `Reset ${url} of ${key}`, title: "Forget its failures: it is used again at once" }, "Reset");
      reset.addEventListener("click", () => this.reset(key, url));
      element.append(make("span", { class: "acts" }, reset, drain));
    }
    const update = (line) => {
      setClass(state, `state ${line.state}`);
      setText(state, line.word);
      setText(ms, line.ms === undefined ? "" : duration(line.ms / 1e6));
      setText(more, line.more);
      drains = line.drains;
      if (!drain) return;
      drain.hidden = line.isForeign;
      setText(drain, drains ? "Enable" : "Drain");
      drain.setAttribute("aria-label", `${drains ? "Enable" : "Drain"} ${url} of ${key}`);
      reset.hidden = line.state !== "down" && line.fails === 0;
    };
    return { element, update };
  }

  async drain(key, url, drain) {
    const path = `${pathOf(key)}/backends?url=${encodeURIComponent(url)}`;
    await this.change("PATCH", path, { drain }, `${url} of ${key} ${drain ? "is drained: it gets no new requests" : "gets requests again"}.`);
  }

  async reset(key, url) {
    const path = `${pathOf(key)}/backends/reset?url=${encodeURIComponent(url)}`;
    await this.change("POST", path, {}, `The failures of ${url} are forgotten.`);
  }

  async change(method, path, body, done) {
    try {
      await this.ask(method, path, body);
      this.say(done);
      await this.load();
    } catch (error) {
      this.say(error.message, true);
    }
  }
}
Routes.LIMIT = 20;

// Whose routes the API does not change, and where that is done instead.
const FOREIGN = {
  file: "from the file: change it there",
  registration: "registered by its backends",
};

const pathOf = (key) => `./${encodeURIComponent(key)}`;

// What is shown of a route's backends. One by name has a state for each of its addresses.
function linesOf(route, health) {
  const isWhole = route.backends.length === health.length;
  return route.backends.map((backend, index) => {
    const url = typeof backend === "string" ? backend : backend.url;
    const name = hostOf(url);
    const found = isWhole ? [health[index]] : health.filter((one) => one.url === url || one.name === name);
    const down = found.filter((one) => one.state === "down").length;
    const state = down > 0 ? "down" : found[0]?.state ?? "waiting";
    const more = [];
    if (found.length > 1) more.push(`${found.length} addresses`);
    if (backend.weight !== undefined) more.push(`weight ${backend.weight}`);
    if (backend.backup) more.push("backup");
    const ms = found.find((one) => one.latency_us !== undefined)?.latency_us;
    return {
      key: `${index} ${url}`,
      url,
      state,
      word: down > 0 && found.length > 1 ? `${down} of ${found.length} down` : state,
      drains: backend.drain === true,
      fails: found.reduce((sum, one) => sum + (one.fails ?? 0), 0),
      ms,
      more: more.length > 0 ? ` ${more.join(", ")}` : "",
    };
  });
}

function hostOf(url) {
  return /^[a-z]+:\/\/([^/:#]*)/.exec(url)?.[1];
}

// A route as text, to be changed: what is saved is the difference, if the route is still that one.
class Editor {
  constructor(routes) {
    this.routes = routes;
    this.dialog = byId("editor");
    byId("editor-cancel").addEventListener("click", () => this.dialog.close());
    byId("editor-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
  }

  async open(key) {
    try {
      const answer = await this.routes.ask("GET", pathOf(key));
      this.key = key;
      this.tag = answer.headers.get("ETag");
      this.before = await answer.json();
    } catch (error) {
      this.routes.say(error.message, true);
      return;
    }
    setText(byId("editor-title"), key);
    byId("editor-text").value = JSON.stringify(this.before, null, 2);
    byId("editor-error").hidden = true;
    this.dialog.showModal();
  }

  async save() {
    try {
      const patch = difference(this.before, JSON.parse(byId("editor-text").value));
      await this.routes.ask("PATCH", pathOf(this.key), patch ?? {}, { "If-Match": this.tag });
    } catch (error) {
      const isOld = error.status === 412;
      setText(byId("editor-error"), isOld ? "Somebody else has changed the route meanwhile. Open it again." : error.message);
      byId("editor-error").hidden = false;
      return;
    }
    this.dialog.close();
    this.routes.say(`${this.key} is changed.`);
    await this.routes.load();
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// The merge patch that makes one value of another; undefined: they are the same.
function difference(before, after) {
  if (!isObject(before) || !isObject(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? undefined : after;
  }
  const patch = {};
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) patch[key] = null;
  }
  for (const [key, value] of Object.entries(after)) {
    const change = Object.hasOwn(before, key) ? difference(before[key], value) : value;
    if (change !== undefined) patch[key] = change;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

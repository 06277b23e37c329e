
// All that the metrics say, beside the routes.
class Overview {
  constructor() {
    this.readings = new Readings();
    const rate = (value) => (Number.isFinite(value) ? `${number(value)}/s` : "–");
    this.traffic = new Plot("traffic", "Requests by status", [["2xx, 3xx", "k1"], ["4xx", "k3"], ["5xx", "k4"]], rate);
    this.latency = new Plot("latency", "Time that requests take", [["median", "k1"], ["95 % within", "k2"]], duration);
    this.showsAll = false;
    byId("backends-more").addEventListener("click", () => {
      this.showsAll = !this.showsAll;
      this.showBackends();
    });
  }

  add(text, time) {
    this.readings.add(parseMetrics(text), time);
    this.showTraffic();
    this.showBackends();
    this.showTables();
    this.showChecks();
    this.showDatabases();
    this.showTiles();
  }

  showTraffic() {
    const requests = this.readings.samples("gatehouse_requests_total");
    const inUse = this.readings.samples("gatehouse_request_duration_seconds_count").length > 0;
    byId("plots").hidden = !inUse;
    if (!inUse) return;
    const of = (classes) => this.readings.rate(requests.filter((one) => classes.includes(one.labels.code[0])));
    this.traffic.add([of("123"), of("4"), of("5")]);
    this.latency.add([this.readings.quantile(0.5, 5), this.readings.quantile(0.95, 5)]);
  }

  showTiles() {
    const { readings } = this;
    const tiles = [];
    const requests = readings.samples("gatehouse_requests_total");
    if (readings.samples("gatehouse_request_duration_seconds_count").length > 0) {
      const all = readings.rate(requests, 5);
      const bad = readings.rate(requests.filter((one) => one.labels.code[0] === "5"), 5);
      tiles.push(["Requests", Number.isFinite(all) ? number(all) : "–", "a second"]);
      tiles.push(["Errors (5xx)", percent(bad, all), ""]);
      tiles.push(["Median time", duration(readings.quantile(0.5, 5)), ""]);
    }
    const up = readings.samples("gatehouse_backend_up");
    if (up.length > 0) {
      const down = up.filter((one) => one.value === 0).length;
      tiles.push(["Backends", number(up.length - down), down > 0 ? `up, ${number(down)} down` : "up, none down", down > 0]);
    }
    const refused = this.refused();
    if (refused.length > 0) {
      tiles.push(["Refused", number(readings.rate(refused, 5)), "a second"]);
    }
    keep(byId("tiles"), tiles, (tile) => tile[0], ([title]) => {
      const [value, unit] = [make("span"), make("small")];
      const element = make("div", {}, make("dt", {}, title), make("dd", {}, value, " ", unit));
      return {
        element,
        update: ([, text, after, isBad]) => {
          setText(value, text);
          setText(unit, after);
          setClass(unit, isBad ? "bad" : "");
        },
      };
    });
  }

  refused() {
    const tokens = this.readings.samples("gatehouse_token_checks_total").filter((one) => one.labels.status !== "ok");
    const countries = this.readings.samples("gatehouse_geoip_checks_total").filter((one) => one.labels.verdict === "denied");
    return [...tokens, ...countries];
  }

  showBackends() {
    const up = this.readings.samples("gatehouse_backend_up");
    const tables = this.readings.samples("gatehouse_table_backends");
    const all = tables.reduce((sum, one) => sum + one.value, 0);
    byId("backends-section").hidden = all === 0;
    const answers = new Map();
    for (const one of this.readings.samples("gatehouse_backend_requests_total")) {
      const key = `${one.labels.table} ${one.labels.backend}`;
      if (!answers.has(key)) answers.set(key, []);
      answers.get(key).push(one);
    }
    const rows = up.map((one) => {
      const key = `${one.labels.table} ${one.labels.backend}`;
      return { key, table: one.labels.table, name: one.labels.backend, isUp: one.value !== 0, answers: answers.get(key) ?? [] };
    });
    rows.sort((a, b) => a.isUp - b.isUp || (a.key < b.key ? -1 : 1));
    const down = rows.filter((row) => !row.isUp).length;
    const few = Math.max(8, Math.min(down, 50));
    const shown = this.showsAll ? rows : rows.slice(0, few);
    keep(byId("backends"), shown, (row) => row.key, (row) => this.backendRow(row, tables.length > 1));
    byId("backends-list").hidden = rows.length === 0;
    const sum = byId("backends-sum");
    setClass(sum, down > 0 ? "bad" : "soft");
    const rest = all > rows.length ? `${count(all, "backend", "backends")}; those of a table with more than 1,000 are seen with their routes` : "";
    setText(sum, rows.length === 0 ? rest : `${number(rows.length - down)} up, ${number(down)} down${rest && `; of ${rest}`}`);
    byId("backends-foot").hidden = rows.length <= few;
    setText(byId("backends-more"), this.showsAll ? "Show fewer" : `Show all ${number(rows.length)}`);
  }

  backendRow(row, withTable) {
    const cells = [make("span"), make("td", { class: "n" }), make("td", { class: "n" }), make("td", { class: "n" })];
    const name = make("td", { class: "mono" }, row.name);
    if (withTable) name.append(make("span", { class: "soft" }, ` ${row.table}`));
    const element = make("tr", {}, make("td", {}, cells[0]), name, ...cells.slice(1));
    const rate = (samples) => (samples.length > 0 ? number(this.readings.rate(samples, 5)) : "0");
    const update = (now) => {
      setClass(cells[0], now.isUp ? "state up" : "state down");
      setText(cells[0], now.isUp ? "up" : "down");
      setText(cells[1], rate(now.answers));
      for (const [cell, code] of [[cells[2], "5xx"], [cells[3], "none"]]) {
        const samples = now.answers.filter((one) => one.labels.code === code);
        setText(cell, number(samples.reduce((sum, one) => sum + one.value, 0)));
      }
    };
    return { element, update };
  }

  showTables() {
    const routes = this.readings.samples("gatehouse_table_routes");
    byId("tables-section").hidden = routes.length === 0;
    const of = (metric, table) => this.readings.samples(metric).filter((one) => one.labels.table === table);
    const tables = routes.map((one) => {
      const { table } = one.labels;
      const kinds = of("gatehouse_zone_bytes", table);
      const all = kinds.reduce((sum, kind) => sum + kind.value, 0);
      const free = kinds.find((kind) => kind.labels.kind === "free")?.value ?? 0;
      return { table, routes: one.value, all, used: all - free, backends: of("gatehouse_table_backends", table)[0]?.value ?? 0, feeder: of("gatehouse_feeder_up", table)[0], fed: of("gatehouse_feeder_last_success_timestamp_seconds", table)[0]?.value };
    });
    keep(byId("tables"), tables, (one) => one.table, ({ table }) => {
      const [size, fill, feeder, level] = [make("p"), make("p"), make("p"), make("i")];
      const bar = make("span", { class: "bar", "aria-hidden": "true" }, level);
      const element = make("div", { class: "card" }, make("h3", {}, table), bar, fill, size, feeder);
      const update = (now) => {
        const share = now.used / now.all;
        level.style.width = `${(100 * share).toFixed(1)}%`;
        setClass(bar, share > 0.9 ? "bar full" : "bar");
        setText(fill, `${percent(now.used, now.all)} of ${bytes(now.all)} in use`);
        setText(size, `${count(now.routes, "route", "routes")}, ${count(now.backends, "backend", "backends")}`);
        feeder.hidden = !now.feeder;
        if (!now.feeder) return;
        const age = now.fed > 0 ? `read ${duration(Math.max(1, Math.floor(Date.now() / 1000 - now.fed)))} ago` : "never read";
        setClass(feeder, now.feeder.value ? "" : "bad");
        setText(feeder, `${now.feeder.labels.feeder} ${now.feeder.value ? age : `cannot be used, ${age}`}`);
      };
      return { element, update };
    });
  }

  showChecks() {
    const tokens = this.readings.samples("gatehouse_token_checks_total").map((one) => ({ check: `token ${one.labels.profile}`, word: one.labels.status, isBad: one.labels.status !== "ok", one }));
    const countries = this.readings.samples("gatehouse_geoip_checks_total").map((one) => ({ check: "country", word: one.labels.verdict === "none" ? "no rule" : one.labels.verdict, isBad: one.labels.verdict === "denied", one }));
    const all = [...tokens, ...countries];
    byId("refusals-section").hidden = all.length === 0;
    const rows = all.filter((row) => row.one.value > 0);
    if (rows.length === 0) rows.push({ check: "–", word: "nothing yet", isBad: false, one: { id: "none", value: 0 } });
    keep(byId("refusals"), rows, (row) => row.one.id, (row) => {
      const [now, sum] = [make("td", { class: "n" }), make("td", { class: "n" })];
      const element = make("tr", {}, make("td", {}, row.check), make("td", { class: row.isBad ? "bad" : "soft" }, row.word), now, sum);
      const update = ({ one }) => {
        setText(now, `${number(this.readings.rate([one], 5))}/s`);
        setText(sum, number(one.value));
      };
      return { element, update };
    });
  }

  showDatabases() {
    const databases = this.readings.samples("gatehouse_geoip_database_build_timestamp_seconds");
    byId("databases-section").hidden = databases.length === 0;
    keep(byId("databases"), databases, (one) => one.id, (one) => {
      const age = make("p");
      const element = make("div", { class: "card" }, make("h3", {}, one.labels.db), age);
      const update = ({ value }) => {
        const seconds = Date.now() / 1000 - value;
        setText(age, `${duration(seconds)} old, built ${new Date(value * 1000).toISOString().slice(0, 10)}`);
        setClass(age, seconds > 90 * 86400 ? "bad" : "");
      };
      return { element, update };
    });
  }
}


// Lines over the last five minutes, the newest at the right.
class Plot {
  constructor(id, title, names, unit) {
    this.svg = byId(id);
    this.legend = byId(`${id}-legend`);
    this.title = title;
    this.unit = unit;
    this.series = names.map(([name, color]) => ({ name, color, values: [] }));
    for (const y of [10, 70, 129]) this.shape("line", "grid", { x1: 0, x2: 600, y1: y, y2: y });
    for (const one of this.series) {
      one.area = this.shape("path", `area ${one.color}`);
      one.line = this.shape("path", `line ${one.color}`);
      one.text = make("b");
      const key = make("i", { class: one.color, "aria-hidden": "true" });
      this.legend.append(make("span", {}, key, `${one.name} `, one.text));
    }
    this.top = make("span");
    this.legend.append(this.top);
  }

  shape(name, className, attributes = {}) {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", name);
    shape.setAttribute("class", className);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    this.svg.append(shape);
    return shape;
  }

  add(values) {
    this.series.forEach((one, index) => {
      one.values.push(values[index]);
      if (one.values.length > Plot.LENGTH) one.values.shift();
      setText(one.text, this.unit(values[index]));
    });
    this.draw();
  }

  draw() {
    const all = this.series.flatMap((one) => one.values).filter(Number.isFinite);
    const most = Math.max(...all, 0);
    const scale = most > 0 ? 119 / most : 0;
    for (const one of this.series) {
      const first = Plot.LENGTH - one.values.length;
      const x = (index) => (((first + index) * 600) / (Plot.LENGTH - 1)).toFixed(1);
      const runs = [];
      one.values.forEach((value, index) => {
        if (!Number.isFinite(value)) return;
        const point = `${x(index)},${(129 - value * scale).toFixed(1)}`;
        const run = runs[runs.length - 1];
        if (run?.end === index - 1) Object.assign(run, { end: index, points: `${run.points}L${point}` });
        else runs.push({ begin: index, end: index, points: point });
      });
      const line = runs.map((run) => `M${run.points}`);
      const area = runs.map((run) => `M${x(run.begin)},129L${run.points}L${x(run.end)},129Z`);
      one.line.setAttribute("d", line.join(""));
      one.area.setAttribute("d", area.join(""));
    }
    setText(this.top, most > 0 ? `most ${this.unit(most)}` : "");
    const now = this.series.map((one) => `${one.name} ${one.text.textContent}`).join(", ");
    this.svg.setAttribute("aria-label", `${this.title} in the last five minutes. Now: ${now}. Most: ${this.unit(most)}.`);
  }
}
Plot.LENGTH = 150;

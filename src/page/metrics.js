
// The text that Prometheus reads: samples by the name of their metric.
function parseMetrics(text) {
  const metrics = new Map();
  for (const line of text.split("\n")) {
    if (line === "" || line[0] === "#") continue;
    const end = line.lastIndexOf(" ");
    const brace = line.indexOf("{");
    const name = brace < 0 ? line.slice(0, end) : line.slice(0, brace);
    const labels = brace < 0 ? {} : parseLabels(line.slice(brace + 1, end - 1));
    const sample = { id: line.slice(0, end), labels, value: Number(line.slice(end + 1)) };
    if (metrics.has(name)) metrics.get(name).push(sample);
    else metrics.set(name, [sample]);
  }
  return metrics;
}

function parseLabels(text) {
  const labels = Object.create(null);
  for (const [, name, value] of text.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
  }
  return labels;
}

// What has been read, and what was read before: how fast a counter grows is seen between two readings.
class Readings {
  constructor() {
    this.all = [];
  }

  add(metrics, time) {
    const values = new Map();
    for (const [name, samples] of metrics) {
      if (!/_(total|bucket|sum|count)$/.test(name)) continue;
      for (const sample of samples) values.set(sample.id, sample.value);
    }
    this.all.push({ time, values, metrics });
    if (this.all.length > 6) this.all.shift();
    // Only the last one is looked at as a whole.
    if (this.all.length > 1) this.all[this.all.length - 2].metrics = undefined;
  }

  get last() {
    return this.all[this.all.length - 1];
  }

  samples(name) {
    return this.last?.metrics.get(name) ?? [];
  }

  // By how much a counter has grown over so many readings. One that is smaller than before began at 0 meanwhile.
  growth(sample, over) {
    const before = this.all[Math.max(0, this.all.length - 1 - over)]?.values.get(sample.id);
    return sample.value - (before === undefined || before > sample.value ? 0 : before);
  }

  seconds(over) {
    const before = this.all[Math.max(0, this.all.length - 1 - over)];
    return (this.last.time - before.time) / 1000;
  }

  // How much all samples of a counter grow in a second.
  rate(samples, over = 1) {
    const seconds = this.seconds(over);
    if (!(seconds > 0)) return NaN;
    return samples.reduce((sum, sample) => sum + this.growth(sample, over), 0) / seconds;
  }

  // The time within which that share of the requests lately was done, over all tables.
  quantile(share, over) {
    const buckets = new Map();
    for (const sample of this.samples("gatehouse_request_duration_seconds_bucket")) {
      const bound = sample.labels.le === "+Inf" ? Infinity : Number(sample.labels.le);
      buckets.set(bound, (buckets.get(bound) ?? 0) + this.growth(sample, over));
    }
    const bounds = [...buckets.keys()].sort((a, b) => a - b);
    const wanted = share * (buckets.get(Infinity) ?? 0);
    if (!(wanted > 0) || this.all.length < 2) return NaN;
    let [from, below] = [0, 0];
    for (const bound of bounds) {
      const here = buckets.get(bound);
      if (here >= wanted) {
        return bound === Infinity ? from : from + ((bound - from) * (wanted - below)) / (here - below);
      }
      [from, below] = [bound, here];
    }
    return NaN;
  }
}

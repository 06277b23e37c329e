
// Asks the server every two seconds while somebody looks.
const EVERY_MS = 2000;

let key = "";
let routes;
let isPaused = false;
let lastTime = 0;
const overview = new Overview();

function say(text, isBad = false) {
  const notice = byId("notice");
  setClass(notice, isBad ? "notice bad" : "notice");
  setText(notice, text);
  notice.hidden = text === "";
}

// A request to this location; what is not good is an error with what the server says about it.
async function ask(method, path, body, more = {}) {
  const headers = { Accept: "application/json", ...more };
  if (key !== "") headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" });
  if (answer.ok) return answer;
  const problem = (await answer.json().catch(() => ({}))).error ?? {};
  const place = problem.pointer ? ` (at ${problem.pointer})` : "";
  throw Object.assign(new Error(`${problem.message ?? `The server answers ${answer.status}`}${place}.`), { status: answer.status });
}

async function begin() {
  const version = await (await ask("GET", "-/version")).json();
  setText(byId("version"), `${version.version} for nginx ${version.nginx}`);
  // Where there is an API, this says what it allows.
  const options = await ask("OPTIONS", "./");
  const table = options.headers.get("Gatehouse-Table");
  if (table !== null) {
    document.title = `${table} – Gatehouse`;
    setText(byId("routes-title"), `Routes of ${table}`);
    routes = new Routes(ask, say, options.headers.get("Allow").includes("PATCH"));
  }
  byId("key-form").hidden = true;
  byId("content").hidden = false;
}

async function showReady() {
  const pill = byId("ready");
  try {
    await ask("GET", "-/ready");
    setText(pill, "ready");
    setClass(pill, "pill good");
  } catch (error) {
    setText(pill, error.status === 503 ? "not ready" : "unknown");
    setClass(pill, "pill bad");
  }
}

let isLost = false;

async function look() {
  if (byId("content").hidden) await begin();
  const metrics = await (await ask("GET", "-/metrics")).text();
  overview.add(metrics, Date.now());
  await Promise.all([showReady(), routes?.refresh()]);
  lastTime = Date.now();
  if (isLost) say("");
  isLost = false;
}

function showAge() {
  const age = (Date.now() - lastTime) / 1000;
  const isLive = !isPaused && age < 2 * (EVERY_MS / 1000) + 1;
  const text = isLive ? "live" : `${isPaused ? "paused, " : ""}as of ${duration(age)} ago`;
  setText(byId("age"), lastTime === 0 ? "" : text);
}

async function turn() {
  if (!isPaused && !document.hidden && byId("key-form").hidden) {
    try {
      await look();
    } catch (error) {
      if (error.status === 401) askForKey();
      else {
        isLost = true;
        say(`${error instanceof TypeError ? "The server cannot be reached." : error.message} Trying again.`, true);
      }
    }
  }
  showAge();
  setTimeout(turn, EVERY_MS);
}

function askForKey() {
  if (key !== "") say("This is not the key.", true);
  byId("key-form").hidden = false;
  byId("key").focus();
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  key = byId("key").value;
  byId("key").value = "";
  byId("key-form").hidden = true;
  say("");
  look().catch(askForKey);
});

byId("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  setText(byId("pause"), isPaused ? "Go on" : "Pause");
  showAge();
});

turn();

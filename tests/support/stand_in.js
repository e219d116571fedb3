// A stand-in for opencode 1.18, run by the real one's own Bun in a thirtieth of the real one's start-up time: the same
// commands, the same tables, the same words; no model. What it is asked is written to ~/asked, one JSON a line.
const { Database } = require("bun:sqlite");
const fs = require("node:fs");
const { join, dirname } = require("node:path");
const env = process.env;
const [verb, ...rest] = process.argv.slice(2);
const data = join(env.XDG_DATA_HOME || join(env.HOME, ".local", "share"), "opencode");
const file = join(data, "opencode.db");

function database() {
  fs.mkdirSync(data, { recursive: true });
  const made = fs.existsSync(file);
  const database = new Database(file);
  database.run("PRAGMA busy_timeout = 10000");
  if (!made) {
    database.run("PRAGMA journal_mode = WAL");
    database.exec(fs.readFileSync(join(dirname(__dirname), "fixtures", "schema-1.18.33.sql"), "utf8"));
    database.run(`INSERT INTO project (id, worktree, time_created, time_updated, sandboxes) VALUES ('global', '/', 1, 1, '[]')`);
  }
  return database;
}

function fail(words) {
  console.error("\x1b[91m\x1b[1mError: \x1b[0m" + words);
  process.exit(1);
}

function load(id) {
  const db = database();
  const row = db.query("SELECT * FROM session WHERE id = ?").get(id);
  if (!row) fail("Session not found: " + id);
  const info = {
    id, slug: row.slug, projectID: row.project_id, directory: row.directory, path: row.path ?? "", title: row.title,
    ...(row.agent && { agent: row.agent }), ...(row.model && { model: JSON.parse(row.model) }),
    version: row.version, time: { created: row.time_created, updated: row.time_updated },
  };
  const parts = db.query("SELECT * FROM part WHERE message_id = ? ORDER BY id");
  const messages = db.query("SELECT * FROM message WHERE session_id = ? ORDER BY time_created, id").all(id).map((m) => ({
    info: { ...JSON.parse(m.data), id: m.id, sessionID: id },
    parts: parts.all(m.id).map((p) => ({ ...JSON.parse(p.data), id: p.id, sessionID: id, messageID: m.id })),
  }));
  return { info, messages };
}

function store({ info, messages }) {
  const db = database();
  const now = Date.now();
  db.query(`INSERT INTO session (id, project_id, slug, directory, path, title, version, agent, model, time_created, time_updated)
    VALUES (?, 'global', ?, ?, '', ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET directory = excluded.directory, time_updated = ?`)
    .run(info.id, info.slug, process.cwd(), info.title, info.version, info.agent ?? null,
      info.model ? JSON.stringify(info.model) : null, info.time.created, info.time.updated, now);
  for (const { info: { id, sessionID, ...rest }, parts } of messages) {
    db.query("INSERT OR IGNORE INTO message VALUES (?, ?, ?, ?, ?)")
      .run(id, info.id, rest.time.created, rest.time.created, JSON.stringify(rest));
    for (const { id: part, messageID, sessionID, ...data } of parts)
      db.query("INSERT OR IGNORE INTO part VALUES (?, ?, ?, ?, ?, ?)")
        .run(part, id, info.id, now, now, JSON.stringify(data));
  }
}

let count = 0;
function id(kind) {
  const stamp = (BigInt(Date.now()) * 0x1000n + BigInt(++count)) & 0xffffffffffffn;
  const tail = Array.from({ length: 14 }, () => "0123456789abcdefghijklmnopqrstuvwxyz"[Math.floor(Math.random() * 36)]);
  return kind + "_" + stamp.toString(16).padStart(12, "0") + tail.join("");
}

async function run(args) {
  const flag = (name) => args[args.indexOf(name) + 1];
  const session = flag("--session");
  const agent = args.includes("--agent") ? flag("--agent") : "build";
  const [providerID, modelID] = (args.includes("--model") ? flag("--model") : "fake/m1").split("/");
  const prompt = fs.readFileSync(0, "utf8");
  fs.appendFileSync(join(env.HOME, "asked"), JSON.stringify(prompt) + "\n");
  const directives = [...prompt.matchAll(/\[\[(\w+) ?(.*?)\]\]/g)];
  if (directives.some(([, name]) => name === "nothing")) return;
  const event = (type, part) => console.log(JSON.stringify({ type, timestamp: Date.now(), sessionID: session, part }));
  const info = load(session).info;
  const user = id("msg");
  const now = Date.now();
  const message = (id, data, parts) => store({ info, messages: [{ info: { ...data, id }, parts }] });
  message(user, { role: "user", time: { created: now }, agent, model: { providerID, modelID } },
    [{ id: id("prt"), type: "text", text: prompt }]);
  const reply = id("msg");
  event("step_start", { type: "step-start" });
  let said = "done";
  for (const [, name, what] of directives) {
    if (name === "say") said = what;
    if (name === "long") said = "x".repeat(Number(what));
    while (name === "hold" && !fs.existsSync(join(env.HOME, "release-" + what))) await Bun.sleep(20);
  }
  const parts = [{ type: "step-start" }, { type: "text", text: said }, { type: "step-finish", reason: "stop" }];
  message(reply, {
    role: "assistant", time: { created: Date.now(), completed: Date.now() }, parentID: user, providerID, modelID, agent,
    mode: agent, path: { cwd: info.directory, root: "/" }, cost: 0, finish: "stop",
    tokens: { input: 1, output: 1, reasoning: 0, cache: { read: 0, write: 0 } },
  }, parts.map((part) => ({ ...part, id: id("prt") })));
  event("text", { type: "text", text: said });
  event("step_finish", { type: "step-finish", reason: "stop" });
}

switch (verb) {
  case "--version": console.log("1.18.33"); break;
  case "agent": console.log("build (primary)\nplan (primary)"); break;
  case "models": console.log("fake/m1\nfake/m2"); break;
  case "db": database(); console.log(file); break;
  case "export": console.log(JSON.stringify(load(rest[0]), null, 2)); break;
  case "import": {
    const session = JSON.parse(fs.readFileSync(rest[0], "utf8"));
    store(session);
    console.log("Imported session: " + session.info.id);
    break;
  }
  case "session": {
    const db = database();
    db.run("PRAGMA foreign_keys = ON");
    const found = db.query("DELETE FROM session WHERE id = ? RETURNING id").get(rest[1]);
    if (!found) fail("Session not found: " + rest[1]);
    break;
  }
  case "run": await run(rest); break;
  default: fail("unknown command " + verb);
}

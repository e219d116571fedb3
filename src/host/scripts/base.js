// What the other JavaScript here begins with. opencode is a Bun program and runs it where BUN_BE_BUN is set, in a tenth
// of its own start-up time. The tables differ from release to release: what they have is read from the database.
// Environment: KUGETSU_SESSION, and KUGETSU_HERE, the dispatch's directory.
const { Database } = require("bun:sqlite");
const fs = require("node:fs");
const { join, isAbsolute } = require("node:path");
const { createHash } = require("node:crypto");
const env = process.env;
const session = env.KUGETSU_SESSION;
const here = env.KUGETSU_HERE;

function databaseFile() {
  const data = join(env.XDG_DATA_HOME || join(env.HOME, ".local", "share"), "opencode");
  const named = env.OPENCODE_DB;
  return named ? (isAbsolute(named) ? named : join(data, named)) : join(data, "opencode.db");
}

function open(how) {
  const database = new Database(databaseFile(), how);
  // Whoever else writes is opencode, and done in a moment.
  database.run("PRAGMA busy_timeout = 20000");
  if (!how.readonly) database.run("PRAGMA foreign_keys = ON");
  return database;
}

// All or nothing, and nobody else between.
function transaction(database, work) {
  database.run("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.run("COMMIT");
    return result;
  } catch (error) {
    database.run("ROLLBACK");
    throw error;
  }
}

// Written beside its place, synced and renamed.
function store(path, write) {
  const part = path + ".part";
  const file = fs.openSync(part, "w", 0o600);
  try {
    write((text) => fs.writeSync(file, text));
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
  fs.renameSync(part, path);
}

const hash = (data) => Bun.hash(data).toString(16);

// The session and the sessions that its task tool made, and theirs: parents first.
function family(database) {
  const one = database.query("SELECT id FROM session WHERE id = ?");
  const children = database.query("SELECT id FROM session WHERE parent_id = ? ORDER BY time_created, id");
  // What is added while it is gone through is gone through, too.
  const found = new Set(one.get(session) ? [session] : []);
  for (const id of found) for (const child of children.all(id)) found.add(child.id);
  return [...found];
}

// The data of a row, byte for byte: what opencode wrote need not be text that JavaScript can hold.
const MESSAGES = "SELECT id, CAST(data AS BLOB) AS data FROM message WHERE session_id = ? ORDER BY time_created, id";
const PARTS = "SELECT id, CAST(data AS BLOB) AS data FROM part WHERE message_id = ? ORDER BY id";

// Calls visit(kind, id, data, message) for each message (kind m), and behind it for each of its parts (kind p).
function walk(database, id, visit) {
  const parts = database.query(PARTS);
  for (const message of database.query(MESSAGES).iterate(id)) {
    visit("m", message.id, message.data, message.id);
    for (const part of parts.iterate(message.id)) visit("p", part.id, part.data, message.id);
  }
}

// JSON that stands in a column, as it stands there.
function json(text) {
  if (text === null || text === undefined) return undefined;
  JSON.parse(text);
  return text;
}

function object(fields) {
  const said = Object.entries(fields).filter(([, value]) => value !== undefined);
  return "{" + said.map(([key, value]) => JSON.stringify(key) + ":" + value).join(",") + "}";
}

const value = (column) => (column === null || column === undefined ? undefined : JSON.stringify(column));

// A session's record as `opencode export` shapes it, as JSON; a column that is NULL or not there is left out.
function info(row) {
  const some = (...columns) => columns.some((column) => row[column] !== null && row[column] !== undefined);
  const number = (column) => value(row[column] ?? 0);
  const summary = some("summary_additions", "summary_deletions", "summary_files")
    ? object({
        additions: number("summary_additions"), deletions: number("summary_deletions"), files: number("summary_files"),
        diffs: json(row.summary_diffs),
      })
    : undefined;
  const tokens = some("tokens_input")
    ? object({
        input: number("tokens_input"), output: number("tokens_output"), reasoning: number("tokens_reasoning"),
        cache: object({ read: number("tokens_cache_read"), write: number("tokens_cache_write") }),
      })
    : undefined;
  return object({
    id: value(row.id), slug: value(row.slug), projectID: value(row.project_id), workspaceID: value(row.workspace_id),
    directory: value(row.directory), path: value(row.path), parentID: value(row.parent_id), title: value(row.title),
    agent: value(row.agent), model: json(row.model), version: value(row.version), summary, cost: value(row.cost), tokens,
    share: row.share_url ? object({ url: value(row.share_url) }) : undefined,
    metadata: json(row.metadata), revert: json(row.revert), permission: json(row.permission),
    time: object({
      created: value(row.time_created), updated: value(row.time_updated),
      compacting: value(row.time_compacting), archived: value(row.time_archived),
    }),
  });
}

const record = (database, id) => database.query("SELECT * FROM session WHERE id = ?").get(id);

function todos(database, id) {
  const rows = database.query("SELECT content, status, priority FROM todo WHERE session_id = ? ORDER BY position");
  return JSON.stringify(rows.all(id));
}

// A session apart from its messages, to be held against what becomes of it.
const base = (database, id) => ({ info: JSON.parse(info(record(database, id))), todos: JSON.parse(todos(database, id)) });

// What tells whether anything but its messages changed in a session of a sub-agent.
function sessionHash(database, id) {
  return hash(info({ ...record(database, id), time_updated: null }) + todos(database, id));
}

// What tells whether anything at all changed in it, its messages included.
function wholeHash(database, id) {
  const digest = createHash("sha256").update(sessionHash(database, id));
  walk(database, id, (kind, row, data) => digest.update(`\n${kind} ${row} ${hash(data)}`));
  return digest.digest("hex");
}

// A file of rows: a first line of JSON, then `s ID HASH`, `m ID HASH` and `p ID HASH`. A hash that begins with `-`: it is
// there, and home is not known to have it; of a session, what follows is its whole hash.
function readRows(path) {
  const text = fs.readFileSync(path, "utf8");
  const lines = text.split("\n");
  const rows = { head: JSON.parse(lines[0]), sum: createHash("sha256").update(text).digest("hex") };
  for (const kind of ["s", "m", "p"]) rows[kind] = new Map();
  for (const line of lines.slice(1)) {
    const [kind, id, sum] = line.split(" ");
    if (sum) rows[kind].set(id, sum);
  }
  return rows;
}

// The list of what home has, if it is the one whose checksum home knows.
function readKnown() {
  const listed = env.KUGETSU_SUM && fs.existsSync(env.KUGETSU_KNOWN) ? readRows(env.KUGETSU_KNOWN) : undefined;
  return listed?.sum === env.KUGETSU_SUM ? listed : undefined;
}

function writeRows(path, head, lines) {
  const sum = createHash("sha256");
  store(path, (write) => {
    let text = JSON.stringify(head) + "\n";
    for (const line of lines) {
      text += line + "\n";
      if (text.length > 65536) {
        sum.update(text);
        write(text);
        text = "";
      }
    }
    sum.update(text);
    write(text);
  });
  return sum.digest("hex");
}

// What nobody answers in a run that nobody watches. A rule of the session beats whatever the environment says, and the
// last one that matches counts.
const DENIED = ["question", "plan_enter", "plan_exit"].map((permission) => ({ permission, pattern: "*", action: "deny" }));

const areDenied = (rules) => JSON.stringify(rules) === JSON.stringify(DENIED);

// The rules in a column, with those of the launch behind the first `count`.
function denied(text, count) {
  const rules = JSON.parse(text ?? "[]");
  if (!areDenied(rules.slice(count, count + DENIED.length))) rules.splice(count, 0, ...DENIED);
  return JSON.stringify(rules);
}

// The rules in a column without those of the launch; what stands in `head` says where they are.
function undenied(text, head) {
  if (!head.denied || !text) return text;
  const rules = JSON.parse(text);
  if (!areDenied(rules.slice(head.rules, head.rules + DENIED.length))) return text;
  rules.splice(head.rules, DENIED.length);
  return rules.length === 0 && head.bare ? null : JSON.stringify(rules);
}

function setRules(database, text) {
  if (text !== record(database, session).permission)
    database.query("UPDATE session SET permission = ? WHERE id = ?").run(text, session);
}

// Removes the session, so that another can come in its place; what opencode made of sub-agents stays. Only what home holds is
// removed, and each row must show it: either it is listed, as it is, among those that home got from here and holds now, or the
// session file has it and says all that it says. Environment: KUGETSU_FILE, the session file; KUGETSU_KNOWN, the list of what
// home got; KUGETSU_SUM, its checksum as home has it, or empty; KUGETSU_HELD, what of that list home holds: `rows`, `todos`,
// both or none; KUGETSU_TODOS, home's list of tasks, or empty. Answers `cleared`,
// or `apart N` where a row shows neither, and N messages are not at home: then nothing was removed.
const file = JSON.parse(fs.readFileSync(env.KUGETSU_FILE, "utf8"));
const sent = new Map();
for (const message of file.messages) {
  sent.set(message.info.id, message.info);
  for (const part of message.parts) sent.set(part.id, part);
}

// Set by each machine for itself, or translated for it: nothing that was said. Numbers and booleans are not compared, either.
const OWN = new Set([
  "parentID", "agent", "model", "modelID", "providerID", "mode", "variant", "path", "summary", "input", "metadata", "source", "files",
  "snapshot", "hash",
]);
// What kugetsu itself told a call that was open when the session left. At home it may have ended since.
const SETTLED = "The session moved to the host ";

// The files that carry what is in them; home drops others on arrival, which name a file or an address of this host.
const carried = (files) => (Array.isArray(files) ? files : []).filter((file) => String(file?.url).startsWith("data:"));

// Whether a value of the session file says all that one of a row says.
function says(copy, row) {
  if (typeof row === "string") return row === "" || row === copy;
  if (typeof row !== "object" || row === null) return true;
  // What home made of it on arrival: a subtask is a text there, and a file that it may not read is empty.
  if (row.type === "subtask" && copy?.type === "text") return says(copy.text, row.prompt ?? "");
  return Object.entries(row).every(([key, value]) => {
    if (key === "attachments") return says(carried(copy?.attachments), carried(value));
    if (key === "mime" && copy?.url === "data:text/plain,") return true;
    if (OWN.has(key) || (key === "url" && !String(value).startsWith("data:"))) return true;
    if (key === "state" && String(value?.error).startsWith(SETTLED)) return true;
    return says(copy?.[key], value);
  });
}

function isHeld(kind, id, data, message) {
  if (rows?.[kind].get(id) === hash(data)) return true;
  const copy = sent.get(id);
  if (copy === undefined || (kind === "p" && copy.messageID !== message)) return false;
  return data.length === 0 || says(copy, JSON.parse(new TextDecoder().decode(data)));
}

// The list of tasks, which is in no session file: as home got it, or as home has it.
function areTodosHeld(database) {
  const here = todos(database, session);
  if (here === "[]" || head?.todos === hash(here)) return true;
  const fields = ({ content, status, priority }) => [content, status, priority];
  const list = (text) => JSON.stringify(JSON.parse(text).map(fields));
  return Boolean(env.KUGETSU_TODOS) && list(env.KUGETSU_TODOS) === list(here);
}

// How many messages home does not have; undefined where it holds everything.
function apart(database) {
  const seen = { m: 0, p: 0 };
  let [all, foreign] = [areTodosHeld(database), 0];
  walk(database, session, (kind, id, data, message) => {
    seen[kind]++;
    if (isHeld(kind, id, data, message)) return;
    all = false;
    if (kind === "m" && !sent.has(id) && !rows?.m.has(id)) foreign++;
  });
  // Parts that belong to no message of the session would go, too.
  return all && count(database, "part", "session_id") === seen.p && others(database) === 0 ? undefined : foreign;
}

const tables = (database) => database.query("SELECT name FROM sqlite_master WHERE type = 'table'").all().map(({ name }) => name);
const count = (database, table, column) =>
  database.query(`SELECT count(*) AS n FROM "${table}" WHERE "${column}" = ?`).get(session).n;

// Rows of further tables that would go with the session: home gets nothing of them.
function others(database) {
  let found = 0;
  for (const table of tables(database).filter((table) => !["message", "part", "todo"].includes(table)))
    for (const key of database.query(`PRAGMA foreign_key_list("${table}")`).all())
      if (key.table === "session") found += count(database, table, key.from);
  return found;
}

function clear(database) {
  const foreign = apart(database);
  if (foreign !== undefined) return "apart " + foreign;
  database.query("DELETE FROM part WHERE session_id = ?").run(session);
  database.query("DELETE FROM message WHERE session_id = ?").run(session);
  database.query("DELETE FROM todo WHERE session_id = ?").run(session);
  database.query("DELETE FROM session WHERE id = ?").run(session);
  // Its log, where the release keeps one: opencode removes it with the session, too.
  for (const table of ["event", "event_sequence"])
    if (tables(database).includes(table)) database.query(`DELETE FROM ${table} WHERE aggregate_id = ?`).run(session);
  return "cleared";
}

const known = readKnown();
const held = (env.KUGETSU_HELD ?? "").split(" ");
const rows = held.includes("rows") ? known : undefined;
const head = held.includes("todos") ? known?.head : undefined;
// A host on which opencode was never started has no database yet.
let done = "cleared";
if (fs.existsSync(databaseFile())) {
  const database = open({ readwrite: true });
  done = transaction(database, () => clear(database));
}
console.log(done);

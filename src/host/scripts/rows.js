// Run by opencode's own Bun: says how many messages and parts of the session file have no row.
const { Database } = require("bun:sqlite");
const { join, isAbsolute } = require("node:path");
const env = process.env;
const data = join(env.XDG_DATA_HOME || join(env.HOME, ".local", "share"), "opencode");
const named = env.OPENCODE_DB;
const file = named ? (isAbsolute(named) ? named : join(data, named)) : join(data, "opencode.db");
const database = new Database(file, { readonly: true });
const message = database.query("SELECT 1 FROM message WHERE id = ? AND session_id = ?");
const part = database.query("SELECT 1 FROM part WHERE id = ? AND message_id = ? AND session_id = ?");
const session = env.KUGETSU_SESSION;
let missing = database.query("SELECT 1 FROM session WHERE id = ?").get(session) ? 0 : 1;
for (const m of JSON.parse(require("node:fs").readFileSync(env.KUGETSU_FILE, "utf8")).messages) {
  if (!message.get(m.info.id, session)) missing++;
  for (const p of m.parts) if (!part.get(p.id, m.info.id, session)) missing++;
}
console.log("missing " + missing);

// What `opencode export` prints, on all releases, run by the real one's own Bun in a thirtieth of the real one's start-up time.
// tests/e2e/support_itself.rs holds it against the real one's.
const { Database } = require("bun:sqlite");
const { join } = require("node:path");
const env = process.env;
const id = process.argv[2];
const database = new Database(join(env.XDG_DATA_HOME || join(env.HOME, ".local", "share"), "opencode", "opencode.db"));
database.run("PRAGMA busy_timeout = 10000");
const row = database.query("SELECT * FROM session WHERE id = ?").get(id);
if (!row) {
  console.error("\x1b[91m\x1b[1mError: \x1b[0mSession not found: " + id);
  process.exit(1);
}
const said = (column) => row[column] ?? undefined;
const json = (column) => (row[column] ? JSON.parse(row[column]) : undefined);
const counts = (prefix, names) => Object.fromEntries(names.map((name) => [name, row[`${prefix}_${name}`] ?? 0]));
const summed = ["additions", "deletions", "files"];
const info = {
  id, slug: row.slug, projectID: row.project_id, workspaceID: said("workspace_id"), directory: row.directory, path: said("path"),
  parentID: said("parent_id"), title: row.title, agent: said("agent"), model: json("model"), version: row.version,
  summary: summed.some((name) => said(`summary_${name}`) !== undefined)
    ? { ...counts("summary", summed), diffs: json("summary_diffs") } : undefined,
  cost: said("cost"),
  tokens: said("tokens_input") === undefined ? undefined
    : { ...counts("tokens", ["input", "output", "reasoning"]), cache: counts("tokens_cache", ["read", "write"]) },
  share: row.share_url ? { url: row.share_url } : undefined,
  metadata: json("metadata"), revert: json("revert"), permission: json("permission"),
  time: {
    created: row.time_created, updated: row.time_updated,
    compacting: said("time_compacting"), archived: said("time_archived"),
  },
};
const parts = database.query("SELECT * FROM part WHERE message_id = ? ORDER BY id");
const messages = database.query("SELECT * FROM message WHERE session_id = ? ORDER BY time_created, id").all(id).map((message) => ({
  info: { ...JSON.parse(message.data), id: message.id, sessionID: id },
  parts: parts.all(message.id).map((part) => ({ ...JSON.parse(part.data), id: part.id, sessionID: id, messageID: message.id })),
}));
console.log(JSON.stringify({ info, messages }, null, 2));

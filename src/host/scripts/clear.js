// Removes the session, so that another can come in its place; what opencode made of sub-agents stays.
function clear(database) {
  expectHeld(database);
  const tables = database.query("SELECT name FROM sqlite_master WHERE type = 'table'").all().map((table) => table.name);
  database.query("DELETE FROM part WHERE session_id = ?").run(session);
  database.query("DELETE FROM message WHERE session_id = ?").run(session);
  database.query("DELETE FROM todo WHERE session_id = ?").run(session);
  database.query("DELETE FROM session WHERE id = ?").run(session);
  // Its log, where the release keeps one: opencode removes it with the session, too.
  for (const table of ["event", "event_sequence"])
    if (tables.includes(table)) database.query(`DELETE FROM ${table} WHERE aggregate_id = ?`).run(session);
}

// What somebody did here since the session was looked at is nowhere else. A clearing that was cut has left nothing.
function expectHeld(database) {
  const count = (table) => database.query(`SELECT count(*) AS n FROM ${table} WHERE session_id = ?`).get(session).n;
  const held = `${count("message")} ${count("part")}`;
  if (env.KUGETSU_HELD && held !== env.KUGETSU_HELD && held !== "0 0")
    throw new Error("somebody went on with the session here meanwhile");
}

// A host on which opencode was never started has no database yet.
if (fs.existsSync(databaseFile())) {
  const database = open({ readwrite: true });
  transaction(database, () => clear(database));
}
console.log("cleared");

// Removes the session, so that another can come in its place; what opencode made of sub-agents stays.
function clear(database) {
  const tables = database.query("SELECT name FROM sqlite_master WHERE type = 'table'").all().map((table) => table.name);
  database.query("DELETE FROM part WHERE session_id = ?").run(session);
  database.query("DELETE FROM message WHERE session_id = ?").run(session);
  database.query("DELETE FROM todo WHERE session_id = ?").run(session);
  database.query("DELETE FROM session WHERE id = ?").run(session);
  // Its log, where the release keeps one: opencode removes it with the session, too.
  for (const table of ["event", "event_sequence"])
    if (tables.includes(table)) database.query(`DELETE FROM ${table} WHERE aggregate_id = ?`).run(session);
}

// A host on which opencode was never started has no database yet.
if (fs.existsSync(databaseFile())) {
  const database = open({ readwrite: true });
  transaction(database, () => clear(database));
}
console.log("cleared");

// Removes what an import has left that did not come to its end: opencode imports row by row. All of it is at home.
// Environment: KUGETSU_FILE, the session file; KUGETSU_SINCE, when the import began, in milliseconds since the epoch.
function unimport(database) {
  const since = Number(env.KUGETSU_SINCE);
  const part = database.query("DELETE FROM part WHERE id = ? AND session_id = ? AND time_updated >= ?");
  const message = database.query(`DELETE FROM message WHERE id = ?1 AND session_id = ?2 AND time_updated >= ?3
    AND NOT EXISTS (SELECT 1 FROM part WHERE message_id = ?1)`);
  for (const { info, parts } of JSON.parse(fs.readFileSync(env.KUGETSU_FILE, "utf8")).messages) {
    for (const { id } of parts) part.run(id, session, since);
    message.run(info.id, session, since);
  }
  // A session of which anything was here before has something left.
  database
    .query(`DELETE FROM session WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE session_id = ?1)
      AND NOT EXISTS (SELECT 1 FROM todo WHERE session_id = ?1) AND NOT EXISTS (SELECT 1 FROM session WHERE parent_id = ?1)`)
    .run(session);
}

if (fs.existsSync(databaseFile())) {
  const database = open({ readwrite: true });
  transaction(database, () => unimport(database));
}

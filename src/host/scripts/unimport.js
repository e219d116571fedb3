// Removes what an import has left that did not come to its end: opencode imports row by row. All of it is at home. What was
// here before stays, and where nobody noted that, everything does.
// Environment: KUGETSU_FILE, the session file; KUGETSU_PRESENT, the rows that were here before the import.
function unimport(database, present) {
  const part = database.query("DELETE FROM part WHERE id = ? AND session_id = ?");
  const message = database.query(`DELETE FROM message WHERE id = ?1 AND session_id = ?2
    AND NOT EXISTS (SELECT 1 FROM part WHERE message_id = ?1)`);
  for (const { info, parts } of JSON.parse(fs.readFileSync(env.KUGETSU_FILE, "utf8")).messages) {
    for (const { id } of parts) if (!present.has("p " + id)) part.run(id, session);
    if (!present.has("m " + info.id)) message.run(info.id, session);
  }
  if (present.has("s " + session)) return;
  database
    .query(`DELETE FROM session WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE session_id = ?1)
      AND NOT EXISTS (SELECT 1 FROM todo WHERE session_id = ?1) AND NOT EXISTS (SELECT 1 FROM session WHERE parent_id = ?1)`)
    .run(session);
}

if (fs.existsSync(databaseFile()) && fs.existsSync(env.KUGETSU_PRESENT)) {
  const present = new Set(fs.readFileSync(env.KUGETSU_PRESENT, "utf8").split("\n"));
  const database = open({ readwrite: true });
  transaction(database, () => unimport(database, present));
}

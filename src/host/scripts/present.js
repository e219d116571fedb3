// Notes which rows of the session are here before an import, so that what a failed one has put in is told from them, whatever
// the clock says. Environment: KUGETSU_PRESENT, the file: lines of `s ID`, `m ID` and `p ID`.
function present(write) {
  if (!fs.existsSync(databaseFile())) return;
  const database = open({ readonly: true });
  const queries = { s: "SELECT id FROM session WHERE id = ?" };
  for (const [kind, table] of [["m", "message"], ["p", "part"]]) queries[kind] = `SELECT id FROM ${table} WHERE session_id = ?`;
  database.run("BEGIN");
  let text = "";
  for (const [kind, query] of Object.entries(queries))
    for (const { id } of database.query(query).iterate(session)) {
      text += kind + " " + id + "\n";
      if (text.length < 65536) continue;
      write(text);
      text = "";
    }
  write(text);
}

store(env.KUGETSU_PRESENT, present);

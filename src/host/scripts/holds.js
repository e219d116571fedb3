// Says what is here of a session. Environment: KUGETSU_KNOWN, the list of what home has; KUGETSU_SUM, its checksum as home
// has it, or empty. Answers one line: WORD MESSAGES PARTS CHANGED MISSING ID…
const MOST = 10000;

function held() {
  if (!fs.existsSync(databaseFile())) return ["none", 0, 0, 0, 0];
  const database = open({ readonly: true });
  database.run("BEGIN");
  const sessions = family(database);
  if (sessions.length === 0) return ["none", 0, 0, 0, 0];
  const listed = env.KUGETSU_SUM && fs.existsSync(env.KUGETSU_KNOWN) ? readRows(env.KUGETSU_KNOWN) : undefined;
  const known = listed?.sum === env.KUGETSU_SUM ? listed : undefined;
  const count = { m: 0, p: 0 };
  const ids = [];
  let [same, changed, more] = [0, 0, 0];
  for (const id of sessions) {
    if (known && id !== session && known.s.get(id) !== sessionHash(database, id)) more++;
    walk(database, id, (kind, row, data) => {
      if (id === session) count[kind]++;
      const sum = known?.[kind].get(row);
      if (sum === undefined) {
        more++;
        if (kind === "m" && id === session && ids.length < MOST) ids.push(row);
      } else if (sum === hash(data)) same++;
      else changed++;
    });
  }
  const missing = known ? known.m.size + known.p.size - same - changed : 0;
  const word = !known || changed + missing > 0 ? "other" : more > 0 ? "grew" : "same";
  return [word, count.m, count.p, changed, missing, ...(word === "same" ? [] : ids)];
}

console.log(held().join(" "));

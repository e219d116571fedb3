// Says what is here of a session. Environment: KUGETSU_KNOWN, the list of what home has; KUGETSU_SUM, its checksum as home
// has it, or empty; KUGETSU_SKIP and KUGETSU_MOST, which of the session's messages that are not in that list are named: so many
// behind the first so many. Answers one line: WORD MESSAGES PARTS CHANGED MISSING UNLISTED ID…, where UNLISTED counts all of
// these messages. What is no id of opencode's is named `?`, so that each counts.
const [skip, most] = [Number(env.KUGETSU_SKIP), Number(env.KUGETSU_MOST)];
const isId = (id) => /^[A-Za-z0-9_-]{1,64}$/.test(id);

function held() {
  if (!fs.existsSync(databaseFile())) return ["none", 0, 0, 0, 0, 0];
  const database = open({ readonly: true });
  database.run("BEGIN");
  const sessions = family(database);
  if (sessions.length === 0) return ["none", 0, 0, 0, 0, 0];
  const known = readKnown();
  const count = { m: 0, p: 0 };
  const ids = [];
  let [same, changed, more, unlisted] = [0, 0, 0, 0];
  for (const id of sessions) {
    if (known && id !== session && known.s.get(id) !== sessionHash(database, id)) more++;
    walk(database, id, (kind, row, data) => {
      if (id === session) count[kind]++;
      const sum = known?.[kind].get(row);
      if (sum === undefined) {
        more++;
        if (kind === "m" && id === session && unlisted++ >= skip && ids.length < most) ids.push(isId(row) ? row : "?");
      } else if (sum === hash(data)) same++;
      else changed++;
    });
  }
  const missing = known ? known.m.size + known.p.size - same - changed : 0;
  const word = !known || changed + missing > 0 ? "other" : more > 0 ? "grew" : "same";
  return [word, count.m, count.p, changed, missing, unlisted, ...ids];
}

try {
  console.log(held().join(" "));
} catch (error) {
  console.log("failed " + String(error?.message ?? error).replaceAll("\n", " "));
}

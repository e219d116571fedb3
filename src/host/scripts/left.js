// Behind an import: says how many rows of the session file (and, where only the new ones were sent, of those that home
// has) are missing, and writes `left`, the rows that home has. Environment: KUGETSU_FILE, the session file;
// KUGETSU_SENDING, full, delta or replace; KUGETSU_KNOWN, the host's list of what home has; KUGETSU_SUM, its checksum as
// home has it, or empty.
const database = open({ readwrite: true });
const file = JSON.parse(fs.readFileSync(env.KUGETSU_FILE, "utf8"));
const sent = new Map();
for (const message of file.messages)
  sent.set(message.info.id, new Set(message.parts.map((part) => part.id)));
const known = env.KUGETSU_SENDING === "delta" ? readRows(env.KUGETSU_KNOWN) : undefined;
if (known && env.KUGETSU_SUM && known.sum !== env.KUGETSU_SUM) throw new Error("what home has is not what is listed here");

const lines = [];
const bases = {};
const arrived = new Set();
let missing = record(database, session) ? 0 : 1;
let found = 0;
for (const id of family(database)) {
  if (id !== session) {
    lines.push("s " + id + " " + (known?.s.get(id) ?? "-" + wholeHash(database, id)));
    bases[id] = base(database, id);
  }
  walk(database, id, (kind, row, data, message) => {
    const old = known?.[kind].get(row);
    const came = id === session && (kind === "m" ? sent.has(row) : sent.get(message)?.has(row));
    if (old) found++;
    if (came) kind === "m" ? arrived.add(row) : sent.get(message).delete(row);
    // What was changed here since home got it is not what home has.
    if (old || came) lines.push(kind + " " + row + " " + (old ?? hash(data)));
    // Of a sub-agent, it may be what home has, or somebody's work there.
    else if (id !== session) lines.push(kind + " " + row + " -" + hash(data));
  });
}
for (const [message, parts] of sent) missing += parts.size + (arrived.has(message) ? 0 : 1);
if (known) missing += known.m.size + known.p.size - found;

if (missing === 0) {
  const path = join(here, "left");
  // An import changes no session that is there: what home forbids since the last trip is to hold here, too.
  const ruled = JSON.stringify(file.info.permission ?? null);
  if (!fs.existsSync(path) && JSON.stringify(JSON.parse(record(database, session).permission)) !== ruled)
    setRules(database, file.info.permission ? ruled : null);
  const row = record(database, session);
  const rules = JSON.parse(row.permission ?? "[]");
  // That of a launch that was cut behind this tells of the session as it was before the rules were added.
  const head = fs.existsSync(path) ? readRows(path).head : {
    left: 1, session, denied: !areDenied(rules.slice(-DENIED.length)), rules: rules.length, bare: row.permission === null,
    base: base(database, session), bases,
  };
  writeRows(path, head, lines);
  // Somebody undid prompts here: the run would begin with deleting what home has.
  database.query("UPDATE session SET revert = NULL WHERE id = ?").run(session);
  if (head.denied) transaction(database, () => setRules(database, denied(row.permission, head.rules)));
}
console.log("missing " + missing);

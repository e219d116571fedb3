// Writes the back-file of a run: what is new or changed since the launch, in sections, each a header line of JSON and a
// document. Environment: KUGETSU_BACK, the file; KUGETSU_PACKED, gzip or plain; KUGETSU_LIVE, yes where the run may be at
// work, and nothing is changed; KUGETSU_WHY, what calls that are still open are told; where it is empty, they are left as
// they are; KUGETSU_KNOWN, the checksum of `known` as a back-file that is there tells it, or empty. Answers
// `made KNOWN SETTLED`, or `same` where nothing changed since that.
const zlib = require("node:zlib");
const live = env.KUGETSU_LIVE === "yes";
const left = readRows(join(here, "left"));

// What of each session is new or changed, and the lines of all that is there.
function survey(database, lines) {
  return family(database).map((id) => {
    const root = id === session;
    const digest = createHash("sha256");
    const found = { id, root, known: { messages: 0, parts: 0 }, messages: [], former: [] };
    let message, isFormer;
    walk(database, id, (kind, row, data, of) => {
      const sum = hash(data);
      const old = left[kind].get(row);
      lines.push(kind + " " + row + " " + sum);
      if (old !== undefined && !old.startsWith("-")) {
        digest.update(row + "\n");
        found.known[kind === "m" ? "messages" : "parts"]++;
      }
      const same = old === sum || old === "-" + sum;
      if (kind === "m") [message, isFormer] = [undefined, same];
      if (old === sum) return;
      if (!message) {
        found.messages.push((message = { id: of, parts: [] }));
        if (isFormer) found.former.push(of);
      }
      if (kind === "p") message.parts.push(row);
      if (kind === "p" && same) found.former.push(row);
    });
    found.known.digest = digest.digest("hex");
    if (!root) {
      const sum = sessionHash(database, id);
      lines.push("s " + id + " " + sum);
      found.new = !left.s.has(id);
      found.skip = found.messages.length === 0 && left.s.get(id) === sum;
      found.same = left.s.get(id) === "-" + wholeHash(database, id);
    }
    return found;
  });
}

// The rows whose calls have no end yet, with one.
function settled(database, sessions) {
  const get = (table, id) => JSON.parse(database.query(`SELECT data FROM ${table} WHERE id = ?`).get(id).data);
  const isObject = (it) => typeof it === "object" && it !== null && !Array.isArray(it);
  const now = Date.now();
  const rows = { part: [], message: [] };
  for (const { id, parts } of sessions.flatMap((found) => found.messages)) {
    const message = get("message", id);
    const created = message.time?.created ?? now;
    for (const part of parts) {
      const data = get("part", part);
      const state = data.state;
      if (data.type !== "tool" || !["pending", "running"].includes(state?.status)) continue;
      const start = state.time?.start ?? created;
      data.state = {
        status: "error", input: isObject(state.input) ? state.input : {}, error: env.KUGETSU_WHY,
        ...(isObject(state.metadata) && { metadata: state.metadata }), time: { start, end: Math.max(now, start) },
      };
      rows.part.push([JSON.stringify(data), now, part]);
    }
    if (message.role !== "assistant" || message.time?.completed !== undefined) continue;
    message.time = { ...message.time, completed: Math.max(now, created) };
    rows.message.push([JSON.stringify(message), now, id]);
  }
  return rows;
}

// What comes home: all of it as it is in one moment. Where the run is over, what it left open is settled first.
function state(database, lines) {
  database.run("BEGIN");
  const sessions = survey(database, lines);
  if (live || !env.KUGETSU_WHY) return { sessions, calls: 0 };
  const rows = settled(database, sessions);
  if (rows.part.length + rows.message.length === 0) return { sessions, calls: 0 };
  database.run("COMMIT");
  transaction(database, () => {
    for (const [table, changes] of Object.entries(rows)) {
      const update = database.query(`UPDATE ${table} SET data = ?, time_updated = ? WHERE id = ?`);
      for (const change of changes) update.run(...change);
    }
  });
  database.run("BEGIN");
  lines.length = 0;
  return { sessions: survey(database, lines), calls: rows.part.length };
}

// A row's data with further fields at its end.
function* spliced(data, fields) {
  let end = data.length;
  while (end > 0 && data[end - 1] <= 32) end--;
  let start = 0;
  while (start < end && data[start] <= 32) start++;
  if (data[start] !== 123 || data[end - 1] !== 125) throw new Error("a row without an object");
  const empty = data.subarray(start + 1, end - 1).every((byte) => byte <= 32);
  yield data.subarray(start, end - 1);
  yield (empty ? "" : ",") + fields + "}";
}

// A session's document, piece by piece.
function* pieces(database, found) {
  const message = database.query("SELECT CAST(data AS BLOB) AS data FROM message WHERE id = ?");
  const part = database.query("SELECT CAST(data AS BLOB) AS data FROM part WHERE id = ?");
  const row = record(database, found.id);
  if (found.root) row.permission = undenied(row.permission, left.head);
  const of = '"sessionID":' + JSON.stringify(found.id);
  yield `{"info":${info(row)},"messages":[`;
  for (const [index, { id, parts }] of found.messages.entries()) {
    yield (index ? "," : "") + '{"info":';
    yield* spliced(message.get(id).data, `"id":${JSON.stringify(id)},${of}`);
    yield ',"parts":[';
    for (const [index, own] of parts.entries()) {
      if (index) yield ",";
      yield* spliced(part.get(own).data, `"id":${JSON.stringify(own)},${of},"messageID":${JSON.stringify(id)}`);
    }
    yield "]}";
  }
  yield `],"todos":${todos(database, found.id)}`;
  const base = found.root ? left.head.base : left.head.bases?.[found.id];
  if (base) yield `,"base":${JSON.stringify(base)}`;
  if (!found.root && found.former.length) yield `,"former":${JSON.stringify(found.former)}`;
  yield "}";
}

async function write(database, sessions) {
  const file = fs.createWriteStream(env.KUGETSU_BACK + ".part", { mode: 0o600 });
  const ended = new Promise((done, failed) => file.on("finish", done).on("error", failed));
  const out = env.KUGETSU_PACKED === "gzip" ? zlib.createGzip({ level: 3 }) : file;
  if (out !== file) out.pipe(file);
  let [waiting, size] = [[], 0];
  const flush = async () => {
    const whole = Buffer.concat(waiting);
    [waiting, size] = [[], 0];
    if (!out.write(whole)) await Promise.race([new Promise((go) => out.once("drain", go)), ended]);
  };
  for (const found of sessions.filter((found) => !found.skip)) {
    let bytes = 0;
    for (const piece of pieces(database, found)) bytes += Buffer.byteLength(piece);
    const parent = found.root ? null : record(database, found.id).parent_id;
    const header = {
      bundle: 1, session: found.id, parent, bytes, new: found.new ?? false, same: found.same ?? false, known: found.known,
    };
    const section = (function* () {
      yield JSON.stringify(header) + "\n";
      yield* pieces(database, found);
      yield "\n";
    })();
    for (const piece of section) {
      waiting.push(Buffer.from(piece));
      size += waiting[waiting.length - 1].length;
      if (size > 1 << 18) await flush();
    }
  }
  await flush();
  out.end();
  await ended;
  const written = fs.openSync(env.KUGETSU_BACK + ".part", "r");
  fs.fsyncSync(written);
  fs.closeSync(written);
  fs.renameSync(env.KUGETSU_BACK + ".part", env.KUGETSU_BACK);
}

async function main() {
  const database = open(live ? { readonly: true } : { readwrite: true });
  if (!live) transaction(database, () => setRules(database, undenied(record(database, session)?.permission, left.head)));
  const lines = [];
  const { sessions, calls } = state(database, lines);
  if (sessions.length === 0) throw new Error("the session is not there");
  const file = join(here, "owner");
  const owner = fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim() : "";
  const head = () => ({ known: 1, session, owner, record: sessionHash(database, session), todos: hash(todos(database, session)) });
  const known = live ? "-" : writeRows(join(here, "known"), head(), lines);
  if (known === env.KUGETSU_KNOWN) return console.log("same");
  await write(database, sessions);
  console.log("made " + known + " " + calls);
}

main().catch((error) => {
  console.error(String(error?.stack ?? error));
  process.exit(1);
});

// What every client in Node shares: where the gateway is, how a row is counted, and how an error is provoked from outside.
// The same as `checks.py`, which says what the environment must hold.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const environment = process.env;
export const URL_ = environment.CULTIVAR_BASE_URL;
export const KEY = environment.CULTIVAR_API_KEY;
export const LOCAL = environment.CULTIVAR_LOCAL_MODEL;
export const PROGRAM = environment.CULTIVAR;
export const MODEL = "scripted";
/** How long a change may take to reach new requests, in milliseconds; the promise is 100. */
const SOON = 200;
/** Timers at least this long are time limits of a client; shorter ones are waits before it tries again. In milliseconds. */
export const TIME_LIMIT = 600_000;

/** A chat request with one message, whose words steer the scripted provider. */
export const ask = (text, more = {}) => ({ model: MODEL, messages: [{ role: "user", content: text }], ...more });

/** The body that the provider got for this answer or first chunk. */
export const received = (answer) => JSON.parse(Buffer.from(answer.x_received, "base64").toString());

export const addsUp = (usage) => usage.total_tokens === usage.prompt_tokens + usage.completion_tokens;

export const same = (left, right) => JSON.stringify(left) === JSON.stringify(right);

export async function collect(stream) {
  const all = [];
  for await (const each of stream) all.push(each);
  return all;
}

/** Runs a command of ours beside the running server; its answer. */
export function cultivar(...command) {
  const options = ["--format", "json", "--data-dir", environment.CULTIVAR_DATA_DIR];
  try {
    const said = execFileSync(PROGRAM, [...command, ...options], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
    return said.trim() ? JSON.parse(said) : null;
  } catch (error) {
    throw new Error(`\`cultivar ${command.join(" ")}\`: ${(error.stderr || error.message).trim().slice(0, 160)}`);
  }
}

/** A refusal from `cases.json`: how it comes about, and what the client must see. */
export class Case {
  constructor(told) {
    Object.assign(this, { told, name: told.case, key: KEY, id: "" });
    this.request = { ...ask(told.say ?? "say: hello"), max_tokens: 50, ...told.request };
  }

  needsCultivar() {
    return Array.isArray(this.told.key) || ["before", "during", "ours"].some((name) => name in this.told);
  }

  /** Brings the case about, looks, and puts everything back. */
  async within(look) {
    try {
      await this.begin();
      return await look();
    } finally {
      await this.carryOut("after");
    }
  }

  async begin() {
    this.key = this.told.key ?? KEY;
    if (Array.isArray(this.told.key)) {
      const made = cultivar("key", "create", `conformance: ${this.name}`, ...this.told.key);
      [this.key, this.id] = [made.key, made.id];
    }
    const headers = { "content-type": "application/json", authorization: `Bearer ${this.key}` };
    for (let left = this.told.warmup ?? 0; left > 0; left--) {
      const answer = await fetch(`${URL_}/chat/completions`, { method: "POST", headers, body: JSON.stringify(this.request) });
      const said = await answer.text();
      if (!answer.ok) throw new Error(`answered ${answer.status} too early: ${said.slice(0, 160)}`);
    }
    await this.carryOut("before");
  }

  async carryOut(when) {
    for (const command of this.told[when] ?? []) cultivar(...command.map((word) => word.replace("KEY_ID", this.id)));
    if (this.told[when]) await new Promise((resolve) => setTimeout(resolve, SOON));
  }

  /** The checks that are the same for every client. `body` is the `error` object, `sent` how many requests it took. */
  checks(status, body, headers, sent, client) {
    const { told } = this;
    const wanted = told.sent_by?.[client] ?? told.sent;
    const checks = { [`answers ${told.status}`]: [told.status].flat().includes(status), [`${wanted} sent, not ${sent}`]: sent === wanted };
    for (const name of ["type", "code"]) {
      if (body && name in told) checks[`${name} \`${told[name]}\`, not \`${body[name]}\``] = body[name] === told[name];
    }
    if (body) checks["message, type, param, code"] = ["message", "type", "param", "code"].every((name) => name in body) && !!body.message;
    for (const [name, value] of Object.entries(told.headers ?? {})) checks[`${name}: ${value}`] = headers?.get(name) === value;
    for (const name of [...(told.has ?? []), "x-request-id"]) checks[`has ${name}`] = !!headers?.get(name);
    return checks;
  }
}

/** The cases that can be provoked here. */
export function cases(kind = "refusals") {
  const told = JSON.parse(readFileSync(new URL("cases.json", import.meta.url), "utf8"))[kind];
  return told.map((each) => new Case(each)).filter((each) => PROGRAM || !each.needsCultivar());
}

/** Counts what a client sends; its waits before it tries again, not those of Node's own sockets, are noted and not waited. */
export class Counted {
  answers = [];
  told = [];
  waits = [];

  fetch = async (...request) => {
    const answer = await fetch(...request);
    this.answers.push(answer);
    const [milliseconds, seconds] = ["retry-after-ms", "retry-after"].map((name) => answer.headers.get(name));
    if (milliseconds || seconds) this.told.push(milliseconds ? Number(milliseconds) : Number(seconds) * 1000);
    return answer;
  };

  /** The error that a call ends in; undefined where it was answered. */
  async refusal(call) {
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (then, wait, ...more) => {
      const ofClient = /node_modules/.test(new Error().stack.split("\n")[2]);
      if (!ofClient || !(wait > 0 && wait < TIME_LIMIT)) return setTimeout(then, wait, ...more);
      this.waits.push(wait);
      return setTimeout(then, 0, ...more);
    };
    try {
      await call();
    } catch (error) {
      return error;
    } finally {
      globalThis.setTimeout = setTimeout;
    }
  }

  /** Whether the client waited at least as long as it was told each time, and not much longer. */
  inOrder() {
    const told = this.told.slice(0, this.answers.length - 1);
    return told.every((say, at) => 0.9 * say <= this.waits[at] && this.waits[at] <= 1.3 * say + 100);
  }
}

/** One row: how many checks, how many held, and which did not. */
async function run(name, checksOf) {
  let checks;
  try {
    checks = await checksOf();
  } catch (error) {
    checks = { [`${error?.name}: ${String(error?.message).replace(/\s+/g, " ")}`.slice(0, 300)]: false };
  }
  const failed = Object.keys(checks).filter((check) => !checks[check]);
  const count = Object.keys(checks).length;
  return { row: name, checks: count, passed: count - failed.length, failed };
}

/** Runs the rows, prints the one object that `cargo xtask conformance` reads. */
export async function report(client, version, rows) {
  const done = [];
  for (const [name, checksOf] of Object.entries(rows)) done.push(await run(name, checksOf));
  console.log(JSON.stringify({ client, version, rows: done }));
  process.exit(0);
}

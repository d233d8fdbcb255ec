// Sums what was taken each day, from a queue of billing. Events that are missing in the queue are read from the feed.
//
//   npm install
//   NANUM_AMQP_URL=... NANUM_URL=... NANUM_TOKEN=... node takings.js analytics.kim.billing.queue
//
// The sums and how far they go are kept together in a file, so that it goes on where it left off. With --once it ends
// when nothing more comes.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import amqp from "amqplib";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { file: { type: "string", default: "takings.json" }, once: { type: "boolean" } },
});
const SILENCE = 3000; // milliseconds without an event after which --once ends
let state = existsSync(values.file) ? JSON.parse(readFileSync(values.file, "utf8")) : begin(null);

function begin(epoch) {
  return { epoch, position: 0, days: {} };
}

/** Take an event in, unless it is known already. */
function take({ epoch, position, type, at, data }) {
  if (state.epoch !== epoch) state = begin(epoch); // another log: its positions mean something else
  if (position <= state.position) return;
  const sign = { "payment.captured": 1, "payment.refunded": -1 }[type];
  if (sign) {
    const day = new Date(at).toLocaleDateString("sv", { timeZone: "Asia/Seoul" }); // 2026-11-23
    state.days[day] = (state.days[day] ?? 0) + sign * data.amount_krw;
  }
  state.position = position;
}

/** Write the state whole or not at all. */
function save() {
  writeFileSync(`${values.file}.part`, JSON.stringify(state, null, 1));
  renameSync(`${values.file}.part`, values.file);
}

/** The event in a delivery: the envelope is in the headers, the body is the data. */
function opened({ properties: { headers }, content }) {
  return {
    epoch: headers.cloudEvents_epoch,
    position: Number(headers.cloudEvents_sequence),
    previous: Number(headers.cloudEvents_previous),
    type: headers.cloudEvents_type,
    at: headers.cloudEvents_time,
    data: JSON.parse(content),
  };
}

/** Read the feed up to a position: the authority, and the only place where nothing is ever missing. */
async function fill(until) {
  console.log(`the events between ${state.position} and ${until} are not in the queue: reading the feed`);
  while (state.position < until) {
    const headers = { Authorization: `Bearer ${process.env.NANUM_TOKEN}` };
    const url = `${process.env.NANUM_URL}/v1/events/billing?after=${state.position}&limit=500`;
    const answer = await fetch(url, { headers });
    if (!answer.ok) throw new Error(`the feed answers ${answer.status}: ${await answer.text()}`);
    const page = await answer.json();
    if (page.data.length === 0) return;
    for (const event of page.data) take({ ...event, epoch: page.epoch });
  }
}

async function delivered(message) {
  const event = opened(message);
  if (event.epoch === state.epoch || state.epoch === null) {
    if (event.previous > state.position) await fill(event.previous);
  }
  take(event);
  save(); // before the queue is told: what comes twice is ignored, what is lost is lost
}

const connection = await amqp.connect(process.env.NANUM_AMQP_URL);
const channel = await connection.createChannel();
await channel.prefetch(200);
let last = Promise.resolve(); // one delivery after the other, in order
let silence;

function listen() {
  clearTimeout(silence);
  if (values.once) silence = setTimeout(end, SILENCE);
}

async function end() {
  await last;
  await connection.close();
  for (const [day, krw] of Object.entries(state.days)) console.log(`${day} ${krw} KRW`);
}

await channel.consume(positionals[0], (message) => {
  listen();
  last = last.then(() => delivered(message)).then(() => channel.ack(message));
});
listen();

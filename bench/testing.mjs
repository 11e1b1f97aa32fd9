// What a session costs on a net without ports, next to one over TCP on this machine: connect, echo,
// close, of one client. Ratios in one run, never absolute figures. Build first: npm run build.
//
//   node bench/testing.mjs [--rounds 9] [--sessions 200]
import 'reflect-metadata';

import { parseArgs } from 'node:util';

import { Test } from '@nestjs/testing';
import { getClientToken, OnFrame, reply, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { createTestNet, createTestServer } from 'nestjs-websockex/testing';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    sessions: { type: 'string', default: '200' },
  },
});
/** Sessions before those that count. */
const WARM_UP_SESSIONS = 1_000;

const rounds = Number(values.rounds);
const sessions = Number(values.sessions);
const warmUp = Math.ceil(WARM_UP_SESSIONS / sessions);

/** A client class that echoes, in plain JavaScript. */
function echoClient(url) {
  class EchoClient {
    text({ data }) {
      return reply(data);
    }
  }
  const method = Object.getOwnPropertyDescriptor(EchoClient.prototype, 'text');
  OnFrame('text')(EchoClient.prototype, 'text', method);
  WebSockexClient(url, { reconnect: false })(EchoClient);
  return EchoClient;
}

/** Boots an application for each session beforehand: only sessions are measured. */
async function boot(count, client, install) {
  const apps = [];
  for (let index = 0; index < count; index++) {
    const builder = Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [client], defaults: { startup: 'manual' } })],
    });
    const app = await install(builder);
    app.useLogger(false);
    await app.init();
    apps.push(app);
  }
  return apps;
}

/** Connects and echoes, one client after the other; microseconds for each. */
async function measure(apps, client, server) {
  const began = performance.now();
  for (const app of apps) {
    const handle = app.get(getClientToken(client));
    const started = handle.start();
    const peer = await server.accept();
    await started;
    peer.send('echo');
    await peer.expectText('echo');
  }
  const took = ((performance.now() - began) * 1_000) / apps.length;
  for (const app of apps) await app.close();
  return took;
}

async function onTheNet() {
  const net = createTestNet();
  const client = echoClient('ws://bench.example/');
  const apps = await boot(sessions, client, (builder) => net.install(builder));
  const took = await measure(apps, client, net.server(client));
  await net.dispose();
  return took;
}

async function overTcp() {
  const server = await createTestServer();
  const client = echoClient(server.url());
  const apps = await boot(sessions, client, (builder) => builder.compile());
  const took = await measure(apps, client, server);
  await server.dispose();
  return took;
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const net = [];
const tcp = [];
// The first ones do not count: a suite runs code that is warm.
for (let round = -warmUp; round < rounds; round++) {
  // In turn, and each first as often as second.
  const order = round % 2 === 0 ? [onTheNet, overTcp] : [overTcp, onTheNet];
  for (const run of order) {
    const took = await run();
    if (round >= 0) (run === onTheNet ? net : tcp).push(took);
  }
}

const ratios = net.map((took, round) => took / tcp[round]);
console.log(`connect and echo, ${rounds} rounds of ${sessions} sessions`);
console.log(`  net  ${median(net).toFixed(0)} µs a session`);
console.log(`  TCP  ${median(tcp).toFixed(0)} µs a session`);
console.log(
  `  net / TCP  ${(median(net) / median(tcp)).toFixed(2)}` +
    ` (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
);

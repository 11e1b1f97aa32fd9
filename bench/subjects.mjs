// Who is measured. `needs` are packages of bench/peers; `cannot` says why a work is not done, or nothing.
import { fileURLToPath } from 'node:url';

import { nodeSubject } from './harness/run-once.mjs';

const file = (name) => new URL(`subjects/${name}.mjs`, import.meta.url);
const build = (name) => new URL(`peers/build/${name}`, import.meta.url);

/** What a handler is, and what only this library has: rows of their own compare it with what `ws` receives or sends. */
const isOwn = ({ form, messages, patterns, telemetry, metrics, inspector, way, atOnce }) =>
  [form, messages, patterns, telemetry, metrics, inspector, way, atOnce].some(Boolean);

/** Ten messages have a `switch` there. */
const bare = ({ messages, ...work }) =>
  isOwn(work) || messages > 10 ? 'has no such thing' : undefined;

const alone = (work) => {
  if (isOwn(work)) return 'has no such thing';
  if (work.kind === 'start') return 'is no module of Nest';
  return undefined;
};

const one = (work) => {
  if (isOwn(work)) return 'has no such thing';
  if (work.kind === 'storm') return 'does not connect again';
  if (work.kind === 'idle' || (work.clients ?? 1) > 1) return 'one client an application';
  return undefined;
};

const native = (work) => {
  if (work.tls) return 'is not built with TLS';
  if (work.kind === 'storm') return 'does not connect again';
  return alone(work);
};

const peer = (name, title, more) =>
  nodeSubject(name, file(name), { title, needs: [name], cannot: alone, ...more });

/** In plots. */
const COLORS = [
  '#e0234e',
  '#555555',
  '#1f77b4',
  '#2ca02c',
  '#9467bd',
  '#8c564b',
  '#ff7f0e',
  '#bcbd22',
  '#17becf',
  '#000080',
];

export const SUBJECTS = [
  nodeSubject('ours', file('ours'), { title: 'ours', cannot: () => undefined }),
  nodeSubject('ws', file('ws'), { title: '`ws`', cannot: bare }),
  peer('ws-bufferutil', '`ws` + `bufferutil`', { needs: ['ws', 'bufferutil'], bufferutil: true }),
  peer('rxjs', '`rxjs/webSocket`', { needs: [] }),
  peer('reconnecting-websocket', '`reconnecting-websocket`'),
  peer('partysocket', '`partysocket`'),
  peer('undici', '`undici`'),
  peer('nestjs-websocket', '`nestjs-websocket`', { cannot: one }),
  {
    name: 'gorilla',
    title: 'gorilla (Go)',
    needs: [],
    cannot: native,
    binary: build('gorilla'),
    source: new URL('peers/gorilla/main.go', import.meta.url),
    // The package of Debian, without modules.
    compiler: ['go', ['build']],
    env: { GO111MODULE: 'off', GOPATH: '/usr/share/gocode' },
    debian: 'golang-go golang-github-gorilla-websocket-dev',
  },
  {
    name: 'beast',
    title: 'Beast (C++)',
    needs: [],
    cannot: native,
    binary: build('beast'),
    source: new URL('peers/beast/main.cpp', import.meta.url),
    compiler: ['g++', ['-O2', '-std=c++17', '-pthread']],
    debian: 'g++ libboost-dev',
  },
].map((subject, index) => ({
  ...subject,
  color: COLORS[index],
  command: subject.command ?? ((order) => [fileURLToPath(subject.binary), JSON.stringify(order)]),
}));

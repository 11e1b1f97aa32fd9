import { NestFactory } from '@nestjs/core';
import { WebSockexManager } from 'nestjs-websockex';

import { AppModule } from './app.module.js';
import { ChatServer } from './server.js';

const SESSIONS = 300;

// One line for each connection of three hundred is too much.
const app = await NestFactory.create(AppModule, { logger: ['warn', 'error'] });
await app.listen(0, '127.0.0.1');
const base = `${await app.getUrl()}/sessions`;
const users = Array.from({ length: SESSIONS }, (_, index) => `user${index + 1}`);

/** Sends one request for each user, all at once; gives how many were answered so. */
async function forEachUser(method: string, path: string, wanted: number): Promise<number> {
  const answers = await Promise.all(
    users.map(async (user) => {
      const body = method === 'POST' ? JSON.stringify({ text: `${user} says hello` }) : undefined;
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${base}/${user}${path}`, { method, headers, body: body ?? null });
      await answer.arrayBuffer();
      return answer.status;
    }),
  );
  return answers.filter((status) => status === wanted).length;
}

async function count(): Promise<number> {
  const sessions = (await (await fetch(base)).json()) as unknown[];
  return sessions.length;
}

const started = await forEachUser('POST', '', 201);
const refused = await forEachUser('POST', '', 409);
const listed = await count();
await Promise.all(
  app
    .get(WebSockexManager)
    .clients()
    .map((session) => session.connected({ timeout: 10_000 })),
);
const said = await forEachUser('POST', '/say', 202);
const stopped = await forEachUser('DELETE', '', 204);
const left = await count();
const { heard, users: seen } = app.get(ChatServer);
await app.close();

console.log(`Started ${started} sessions, ${refused} a second time in vain; listed ${listed}`);
console.log(`Said ${said} messages; the peer saw ${seen.size} users, and heard ${heard}`);
console.log(`Stopped ${stopped}; ${left} left`);
const counts = [started, refused, listed, said, seen.size, heard, stopped];
if (left > 0 || counts.some((one) => one !== SESSIONS)) process.exitCode = 1;

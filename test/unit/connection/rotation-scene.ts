import type { ConnectionInfo, RotateOptions } from 'nestjs-websockex';

import type { FakeSocket } from '../../fixtures/fake-transport.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { type Watched, watched } from '../../fixtures/watched.js';
import { type Script, ScriptedClient, type ScriptOptions } from '../client/scripted-client.js';

/** A client with an open session, whose peer keeps it. */
export async function opened(
  script: Script = {},
  options: ScriptOptions = {},
): Promise<ScriptedClient> {
  return new ScriptedClient(script, { heartbeat: false, ...options }).open();
}

/** A client in a rotation, with both of its sockets. */
export interface RotationScene {
  readonly scripted: ScriptedClient;
  readonly old: FakeSocket;
  readonly next: FakeSocket;
  /** What became of `rotate()`. */
  readonly rotated: Watched<ConnectionInfo>;
}

/** Its session is rotated: the new one is dialled. */
export async function dialling(
  scripted: ScriptedClient,
  options?: RotateOptions,
): Promise<RotationScene> {
  const old = scripted.transport.last;
  const rotated = watched(scripted.handle.rotate(options));
  await settle();
  return { scripted, old, next: scripted.transport.last, rotated };
}

/** The new session is open: its `@OnConnect` has begun, and there is no frame yet. */
export async function greeting(scripted: ScriptedClient): Promise<RotationScene> {
  const scene = await dialling(scripted);
  scene.next.playOpen();
  await settle();
  return scene;
}

/** The new session has brought `first`, which waits: it is the client's, and the old one is still read. */
export async function overlapping(scripted: ScriptedClient): Promise<RotationScene> {
  const scene = await greeting(scripted);
  scene.next.playText('first');
  await settle();
  return scene;
}

/** What the frames were that had their turn. */
export function textsOf(scripted: ScriptedClient): unknown[] {
  return scripted.ran
    .filter(([name]) => name === 'frame')
    .map(([, frame]) => (frame as { data: unknown }).data);
}

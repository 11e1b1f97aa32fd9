import { ClientHandle } from '../../runtime/client/client-handle.js';
import { LocalHandle } from '../../runtime/client/local-handle.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import type { Frame } from '../../runtime/frame/frame.js';
import type { CloseFrame } from '../../runtime/telemetry/events.js';
import { FakeHandle } from '../fake/fake.handle.js';
import { type FrameAccount, FrameLedger } from '../script/frame.ledger.js';

/**
 * What a client sends: its frames, its pongs and closes too.
 *
 * @publicApi
 */
export type SentFrame = Frame | CloseFrame;

/**
 * What the handle of a client shows, of whatever class it is.
 *
 * @publicApi
 */
export type AnyHandle = Pick<ClientHandle, 'name' | 'status' | 'session' | 'events$'>;

/** By handle, so that a log lives as long as its client: there is no other place beside a handle. */
const logs = new WeakMap<object, SentFrame[]>();

/**
 * Records from now on what a client sends, for `hasSent` and `toHaveSent`. A client on a
 * {@link TestNet} is watched from its boot on, and a {@link FakeHandle} records by itself; a client
 * of a real server is watched when this is called, once.
 *
 * @example
 * const feed = watch(app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient)));
 *
 * @returns the handle
 * @throws TypeError for what is no handle
 * @publicApi
 */
export function watch<H extends AnyHandle>(handle: H): H {
  const checked = checkHandle(handle);
  if (checked instanceof FakeHandle || logs.has(checked)) return handle;
  const log: SentFrame[] = [];
  logs.set(checked, log);
  checked.events$.subscribe((event) => {
    if (event.event === 'frame:sent') log.push(event.frame);
  });
  return handle;
}

/**
 * What a client has sent since it is watched.
 *
 * @throws Error for a client that is not
 */
export function sentBy(handle: ClientHandle): readonly SentFrame[] {
  const log: readonly SentFrame[] | undefined =
    handle instanceof FakeHandle ? handle.sent : logs.get(handle);
  if (log !== undefined) return log;
  throw new Error(
    `${handle.name}: what it sent was not recorded. A client on a net is watched from its boot on; have any other one watched before it sends: watch(handle).`,
  );
}

/** The books of what the peers of a client on a net send, kept from now on; by handle as well. */
const ledgers = new WeakMap<object, Ledger>();

interface Ledger {
  readonly frames: FrameLedger;
  /** Rotations of which it is known how many frames they have dropped. */
  rotations: number;
}

/** Keeps the books of what the peers of a client send; once. */
export function countFrames(handle: ClientHandle): FrameLedger {
  const known = ledgers.get(handle);
  if (known !== undefined) return known.frames;
  const ledger: Ledger = { frames: new FrameLedger(), rotations: 0 };
  ledgers.set(handle, ledger);
  handle.events$.subscribe((event) => {
    switch (event.event) {
      case 'frame:received':
        if (event.frame.type === 'text' || event.frame.type === 'binary') {
          ledger.frames.taken(event.frame);
        }
        return;
      case 'rotated':
        ledger.frames.dropped(event.deduped);
        ledger.frames.ended(false);
        break;
      case 'disconnected':
        ledger.frames.ended(false);
        break;
      case 'terminate':
        ledger.frames.ended(true);
        break;
      default:
        return;
    }
    ledger.rotations = rotationsOf(handle);
  });
  return ledger.frames;
}

/**
 * What has become of the frames that the scripted peers of a client have sent.
 *
 * @throws Error for a client that is on no net
 */
export function accountOf(handle: ClientHandle): FrameAccount {
  const ledger = ledgers.get(handle);
  const client = LocalHandle.clientOf(handle);
  if (ledger === undefined || client === undefined) {
    throw new Error(
      `${handle.name}: what its peers sent was not counted. That of a client on a net is, where net.install() has compiled its application.`,
    );
  }
  const { mailbox, rotation } = client.process;
  const isRotating = rotation.isActive || client.rotations > ledger.rotations;
  return ledger.frames.account(mailbox.isBusy || mailbox.length > 0 || isRotating);
}

/** How often a session of a client has been rotated. */
export function rotationsOf(handle: AnyHandle): number {
  const checked = checkHandle(handle);
  if (checked instanceof FakeHandle) return checked.rotations;
  return LocalHandle.clientOf(checked)?.rotations ?? 0;
}

/** @throws TypeError for what is no handle */
export function checkHandle(value: unknown): ClientHandle {
  if (value instanceof ClientHandle) return value as ClientHandle;
  throw new TypeError(`A ClientHandle is wanted, not ${inspectShort(value)}`);
}

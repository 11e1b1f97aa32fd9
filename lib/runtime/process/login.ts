import { type Pending, toPromise } from '../async/deferred.js';
import type { Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import type { Connection } from '../connection/connection.js';
import { LoginError, LoginTimeoutError } from '../errors/login.errors.js';
import { DisconnectedError } from '../errors/request.errors.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { Handler } from './client.definition.js';
import { type DialoguePort, SessionDialogue } from './dialogue.js';
import type { ConnectionInfo } from './handler.arguments.js';
import type { HandlerCalls, KnownCall } from './handler.calls.js';
import type { HandlerInvoker } from './handler.invoker.js';
import type { Greeting } from './handler.streams.js';
import type { Lifetime } from './lifetime.js';
import type { ProcessTools } from './process.port.js';

/** The parts of a process that a login works with. */
export interface LoginParts {
  /** The session that is to be ready. */
  readonly connection: Pick<Connection, 'isOpen' | 'fail' | 'lose'>;
  readonly calls: Pick<HandlerCalls, 'invokeKnown' | 'suspended' | 'left' | 'goesOn'>;
  readonly lifetime: Pick<Lifetime, 'isOver' | 'incarnation' | 'crash'>;
  readonly invoker: HandlerInvoker;
  readonly settings: Pick<ClientSettings, 'loginTimeout'>;
}

/** Told once, when a session is ready. */
export interface LoginOwner {
  loggedIn(login: Login, info: ConnectionInfo): void;
}

/**
 * The login of one session: from the 101 until it is ready.
 *
 *     waiting ──its turn has come──> running ──it has returned a stream──> sending ──first item, end──> ready
 *        │                            │  │                                  │ │                            ▲
 *        │                            │  └──it has returned, and that was handed to the socket─────────────┘
 *        │                            ▼                                     ▼
 *        └─the incarnation is over─> failed <──a LoginError, the session is over, loginTimeout
 *
 * An `@OnConnect` that still runs when its session is over is waited for as long as if it were not. Then
 * it is left behind, and the mailbox goes on: whatever it still does counts no more.
 */
export class Login implements Greeting {
  readonly dialogue: SessionDialogue;
  #state: 'waiting' | 'running' | 'sending' | 'ready' | 'failed' = 'waiting';
  /** The call of `@OnConnect`, and then of the stream it has returned. */
  #call: KnownCall | undefined;
  #deadline: Timer | undefined;
  #leaving: NodeJS.Immediate | undefined;
  /** Has the mailbox go on, while it waits for `@OnConnect`. */
  #release: (() => void) | undefined;
  /** What `@OnConnect` says of the peer. */
  #refusal: LoginError | undefined;
  #isSessionOver = false;
  /** What waits until the session is ready, or over. */
  #held: (() => void)[] | undefined;

  constructor(
    readonly info: ConnectionInfo,
    private readonly tools: Pick<ProcessTools, 'clock' | 'telemetry' | 'run' | 'undelivered'>,
    private readonly parts: LoginParts,
    private readonly port: DialoguePort,
    private readonly owner: LoginOwner,
  ) {
    this.dialogue = new SessionDialogue(port);
  }

  /** Whether its session is, or was, ready. */
  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Whether its session is open. */
  get isOpen(): boolean {
    return this.parts.connection.isOpen;
  }

  get #isSending(): boolean {
    return this.#state === 'sending';
  }

  /** The call of `@OnConnect`, and then of the stream it has returned. */
  get call(): KnownCall | undefined {
    return this.#call;
  }

  /** Whether the code that runs now is part of it. */
  get isHere(): boolean {
    return this.#call?.isHere === true;
  }

  /** That the peer has not let this client in, as `@OnConnect` says: it stands over what the session ended by. */
  get refusal(): LoginError | undefined {
    return this.#refusal;
  }

  /** Runs `@OnConnect`. Its promise is settled when the mailbox may go on. */
  begin(): Pending {
    const { calls, lifetime } = this.parts;
    const { connect: handler } = lifetime.incarnation;
    this.#state = 'running';
    if (handler === undefined) return this.sent();
    const since = this.tools.clock.now();
    let value: unknown;
    try {
      value = calls.invokeKnown(handler, [this.info, this.dialogue], (call) => {
        this.#call = call;
      });
    } catch (thrown) {
      return this.#threw(handler, thrown);
    }
    const promise = value === undefined ? undefined : toPromise(value);
    if (promise === undefined) {
      const pending = this.#returned(handler, value);
      // What it has returned is a stream, which may never begin.
      if (this.#isSending) this.#limit(handler, since);
      return pending;
    }
    this.#limit(handler, since);
    calls.suspended();
    return new Promise<void>((resolve, reject) => {
      this.#release = resolve;
      promise
        .then(
          (resolved) => this.#returned(handler, resolved),
          (thrown: unknown) => this.#threw(handler, thrown),
        )
        .then(resolve, reject);
    });
  }

  sent(): void {
    if (this.#state !== 'running' && this.#state !== 'sending') return;
    // Who has closed the session, or has outlived it, has greeted nobody.
    const isReady = !this.parts.lifetime.isOver && !this.#isSessionOver;
    this.#settle(isReady ? 'ready' : 'failed');
    if (!isReady) return;
    this.tools.run(() => {
      this.owner.loggedIn(this, this.info);
      this.#letGo();
    });
  }

  failed(error: unknown): boolean {
    if (this.#state !== 'sending' || !(error instanceof LoginError)) return false;
    this.#refused(error);
    return true;
  }

  stream<R>(handler: Handler, iterate: () => R): R {
    this.#state = 'sending';
    this.#call = this.parts.calls.goesOn(handler);
    return this.#call.run(iterate);
  }

  /** Does something once the session is ready, or over: now, where it is. */
  whenSettled(work: () => void): void {
    const isOver = this.#state === 'failed' || !this.parts.connection.isOpen;
    if (this.isReady || isOver) work();
    else (this.#held ??= []).push(work);
  }

  /** The peer has closed the session. */
  closedByPeer(reason: CloseReason): void {
    this.#isSessionOver = true;
    this.dialogue.closedByPeer(reason);
  }

  /** The session is over, or is being closed by us. */
  over(reason: CloseReason): void {
    this.#isSessionOver = true;
    this.dialogue.over(reason);
    if (this.#state === 'sending') this.#settle('failed');
    this.#letGo();
  }

  /** The incarnation is over: nobody waits for anything of it. */
  end(reason: CloseReason): void {
    this.#held = undefined;
    this.dialogue.over(reason);
    if (!this.isReady) this.#settle('failed');
  }

  #returned(handler: Handler, value: unknown): Pending {
    const isAwaited = this.#left();
    if (this.parts.lifetime.isOver || !isAwaited) return undefined;
    return this.parts.invoker.greet(handler, value, this);
  }

  #threw(handler: Handler, thrown: unknown): Pending {
    const { lifetime } = this.parts;
    const isAwaited = this.#left();
    const isOfSession = this.#isEndOfSession(thrown);
    if (lifetime.isOver || !isAwaited) {
      if (!isOfSession) {
        this.tools.telemetry.error(thrown, `${handler.method}, which was left behind`);
      }
      return undefined;
    }
    if (!isOfSession && !(thrown instanceof LoginError)) return lifetime.crash(thrown);
    // What it makes of the end of its session is told as that end.
    if (thrown instanceof LoginError && !this.#isEndOfSession(thrown.cause)) {
      this.#refused(thrown);
    } else {
      this.tools.undelivered.add('handler');
      this.#settle('failed');
    }
    return undefined;
  }

  /** Of a session that is open nobody is told in its own login that it is not ready. */
  #isEndOfSession(thrown: unknown): boolean {
    if (!this.parts.invoker.isEndOfSession(thrown)) return false;
    if (this.dialogue.end !== undefined || thrown instanceof DisconnectedError) return true;
    return thrown.state !== 'not ready';
  }

  #refused(error: LoginError): void {
    this.#refusal = error;
    this.#settle('failed');
    this.parts.connection.fail(error, CloseCode.normal);
  }

  /** `@OnConnect` has returned, or thrown. @returns whether that was waited for */
  #left(): boolean {
    this.#release = undefined;
    this.parts.calls.left(this.#call as KnownCall);
    return this.#state === 'running';
  }

  #settle(state: 'ready' | 'failed'): void {
    this.#state = state;
    this.#call?.end();
    // A session may last for days, and nobody asks for a call that is over.
    if (state === 'ready') this.#call = undefined;
    this.#deadline?.cancel();
    this.#deadline = undefined;
    if (this.#leaving !== undefined) clearImmediate(this.#leaving);
  }

  #letGo(): void {
    for (const work of this.#held?.splice(0) ?? []) work();
  }

  /** @param since when it began, on the clock */
  #limit({ method }: Handler, since: number): void {
    const { clock } = this.tools;
    const { loginTimeout: timeout } = this.parts.settings;
    // One that has greeted, or was closed, in its own call waits for nothing.
    if (timeout === Infinity || this.#state === 'ready' || this.#state === 'failed') return;
    const left = since + timeout - clock.now();
    this.#deadline = setDeadline(clock, left, () => this.#onTimeout(method, timeout));
  }

  #onTimeout(method: string, timeout: number): void {
    const isRunning = this.#state === 'running';
    const what = isRunning
      ? 'has not returned'
      : 'has returned a stream that has given no first item; let it begin with one';
    const error = new LoginTimeoutError(
      this.port.client,
      timeout,
      'the session was not ready',
      `(loginTimeout): @OnConnect (${method}) ${what}`,
    );
    const isLate = this.#isSessionOver;
    if (!isLate) this.parts.connection.lose(error);
    if (!isRunning) return;
    // One that has waited for the peer is told now, and returns by itself.
    this.#leaving = setImmediate(() => {
      if (isLate) {
        this.tools.telemetry.error(error, `@OnConnect (${method}), which was left behind`);
      }
      this.#leaveBehind();
    });
  }

  #leaveBehind(): void {
    const release = this.#release;
    this.#settle('failed');
    this.parts.calls.left(this.#call as KnownCall);
    release?.();
  }
}

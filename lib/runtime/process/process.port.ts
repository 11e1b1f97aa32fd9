import type { ContextRunner } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import type { ReceivedMessage } from '../codec/message.pattern.js';
import type { Random } from '../connection/backoff.policy.js';
import type { StatusListener } from '../connection/connection.port.js';
import type { WireTools } from '../connection/wire.port.js';
import type { FatalError } from '../errors/client.errors.js';
import type { Redactor } from '../errors/redactor.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame } from '../frame/frame.js';
import type { TurnBudget } from '../mailbox/turn.budget.js';
import type { Channels } from '../session/channels.js';
import type { Gaps } from '../session/gaps.js';
import type { Requests } from '../session/requests.js';
import type { FeatureChain } from '../session/session.feature.js';
import type { ConnectGate } from '../throttle/budget.port.js';
import type { TurnGate } from '../throttle/turn.gate.js';
import type { ConnectionInfo } from './handler.arguments.js';
import type { HandlerContext } from './handler.context.js';
import type { CallerMessage } from './message.js';
import type { Undelivered } from './undelivered.js';
import type { UrlRound } from './url.round.js';
import type { Warnings } from './warnings.js';

/** Whom a process tells. */
export interface ProcessOwner extends StatusListener {
  /** Whether somebody waits for the start, and will be told that it has failed. */
  tellsStart(): boolean;
  /** `@OnStart` is done, or the incarnation has ended before. */
  onBegun(): void;
  /** A session is open and its `@OnConnect` is done. */
  onReady(info: ConnectionInfo): void;
  /** The incarnation is about to end by an error that nothing will mend: no other follows it. */
  onFatal(error: FatalError): void;
  /** What watches the positions of its messages: asked of a class with an `@OnGap`. */
  readonly gaps: Gaps;
  /** The incarnation is over, and these have not been handled. */
  onLeftovers(messages: readonly CallerMessage[], reason: CloseReason): void;
  /** The incarnation is over, and its `@OnTerminate` is done. */
  onTerminated(reason: CloseReason): void;
}

/** Whoever runs the clients of an application, as far as a process must know. */
export interface ProcessHost {
  /** Whether it ends all of them: they take nothing new any more. */
  readonly isClosing: boolean;
}

/** Those who see a frame when its turn has come, before its handler. */
export interface FrameObserver {
  /** Whether anybody sees messages. */
  readonly seesMessages: boolean;
  frame(frame: DataFrame): void;
  message(message: ReceivedMessage): void;
}

/** What a process is made with. */
export interface ProcessTools extends WireTools {
  readonly clock: Clock;
  /** Who runs the clients, where anybody does. */
  readonly host?: ProcessHost | undefined;
  readonly random: Random;
  readonly observers: FrameObserver;
  /** What the client is warned of. */
  readonly warnings: Warnings;
  /** Which of its URLs is tried. */
  readonly urls: UrlRound;
  /** What the client's sessions do beside calling handlers. */
  readonly features: FeatureChain;
  /** What has been asked of the peer. */
  readonly requests?: Requests | undefined;
  /** The channels of the peer's that somebody subscribes to; absent where nobody ever has. */
  readonly channels?: Channels | undefined;
  /** A promise that rejects, of which is told where nobody listens. `what`: the method, of which there are few. */
  refuse(what: string, error: unknown): Promise<never>;
  /** Counts what is left undone when the application ends. */
  readonly undelivered: Undelivered;
  /** Bounds how many attempts of the application are under way. */
  readonly gate: ConnectGate;
  /** Hides secrets in whatever is shown. @default what is hidden in any case */
  readonly redactor?: Redactor | undefined;
  /** Bounds how many sessions of the application end in one turn of the event loop. */
  readonly turns: TurnGate;
  /** What one client may do in one turn of the event loop, where that is not left to the runtime. */
  readonly budget?: (() => TurnBudget) | undefined;
  /** Which call of a handler some code belongs to. @default one for each process */
  readonly context?: HandlerContext | undefined;
  /** So that no handler runs in the context of the request that happened to start the client. */
  readonly run: ContextRunner;
  /** Milliseconds an incarnation has to end in. */
  readonly shutdownTimeout: () => number;
}

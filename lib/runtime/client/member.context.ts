import type { Pending } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import type { Random } from '../connection/backoff.policy.js';
import type { NotConnectedError } from '../errors/connection.errors.js';
import type { Frame } from '../frame/frame.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { ClientDefinition } from '../process/client.definition.js';
import type { ProcessTools } from '../process/process.port.js';
import type { Process } from '../process/process.js';
import type { FeatureContext } from '../session/session.feature.js';
import type { Telemetry } from '../telemetry/telemetry.js';

/** The client, as its features know it. */
interface ContextMember {
  /** Of the current incarnation; there is none before the features have been made. */
  readonly process: Process | undefined;
  readonly tools: Pick<
    ProcessTools,
    'channels' | 'clock' | 'meter' | 'random' | 'run' | 'telemetry'
  >;
  latency: number | undefined;
  hold(holder: object, isHeld: boolean): void;
}

/** What features are given of their client: always that of its current incarnation. */
export class MemberContext implements FeatureContext {
  constructor(
    private readonly member: ContextMember,
    private readonly definition: ClientDefinition,
    private readonly owner: {
      notConnected(what: string, options?: ErrorOptions): NotConnectedError;
    },
  ) {}

  /** No `#process`: it is read for each frame, and such a getter costs a call of the engine. */
  private get process(): Process {
    return this.member.process as Process;
  }

  get client(): string {
    return this.definition.name;
  }

  get clock(): Clock {
    return this.member.tools.clock;
  }

  get telemetry(): Telemetry {
    return this.member.tools.telemetry;
  }

  get meter(): ProcessTools['meter'] {
    return this.member.tools.meter;
  }

  get random(): Random {
    return this.member.tools.random;
  }

  get settings(): ClientSettings {
    return this.member.process?.settings ?? this.definition.settings();
  }

  get isOpen(): boolean {
    return this.process.connection.isOpen;
  }

  get session(): number {
    return this.process.connection.session;
  }

  get bufferedAmount(): number {
    return this.process.connection.bufferedAmount;
  }

  get bytesRead(): number | undefined {
    return this.process.connection.bytesRead;
  }

  send(...sent: Parameters<FeatureContext['send']>): void {
    this.process.connection.send(...sent);
  }

  sendBefore(...sent: Parameters<FeatureContext['sendBefore']>): void {
    this.process.rotation.sendBefore(...sent);
  }

  notConnected(what: string, cause?: Error): NotConnectedError {
    return this.owner.notConnected(what, { cause });
  }

  dropped(frames: readonly Frame[], error: Error): void {
    this.process.dropped(frames, error);
  }

  hold(isHeld: boolean): void {
    this.member.hold(this, isHeld);
  }

  cut(error: Error): void {
    this.process.connection.lose(error);
  }

  measured(rtt: number): void {
    this.member.latency = rtt;
    this.member.tools.telemetry.emit('heartbeat', { rtt });
  }

  stretch(onFull: (() => void) | undefined): void {
    this.process.stretch(this, onFull);
  }

  later(work: () => void): void {
    this.member.tools.run(() => this.process.mailbox.post({ type: 'beside', work }));
  }

  get isReplaying(): boolean {
    return this.member.tools.channels?.isReplaying === true;
  }

  released(): void {
    this.process.onWritable();
  }

  schedule(work: () => Pending): void {
    this.member.tools.run(() => this.process.mailbox.interject(work, () => undefined));
  }
}

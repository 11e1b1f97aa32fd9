import type { ProtocolError } from '../../../../lib/runtime/errors/connection.errors.js';
import type {
  TransportEvents,
  TransportInfo,
} from '../../../../lib/runtime/transport/transport.port.js';
import { Condition } from '../../../fixtures/condition.js';
import { story } from '../../../fixtures/transcript.js';

/** What a transport told, as lines that can be waited for. */
export class Story implements TransportEvents {
  readonly lines: string[] = [];
  error: Error | undefined;
  /** Called for each line, in the call that tells it. */
  onLine: (line: string) => void = () => undefined;
  readonly #condition = new Condition(() => story(this.lines));

  /** Waits until a line that begins so stands there. */
  until(start: string): Promise<string> {
    return this.#condition.until(`line "${start}"`, () =>
      this.lines.find((line) => line.startsWith(start)),
    );
  }

  /** Waits until there is no socket any more, and gives the lines. */
  async over(): Promise<readonly string[]> {
    await this.until('end');
    return this.lines;
  }

  /** The lines of frames and close frames. */
  get frames(): readonly string[] {
    return this.lines.filter((line) => /^(text|binary|ping|pong|peer close)/.test(line));
  }

  onDialled(): void {
    this.#note('dialled');
  }

  onOpen({ extensions }: TransportInfo): void {
    this.#note(`open ${extensions}`.trim());
  }

  onText(data: string): void {
    this.#note(`text ${data}`);
  }

  onBinary(data: Buffer): void {
    this.#note(`binary ${data.length}`);
  }

  onPing(data: Buffer): void {
    this.#note(`ping ${data.toString()}`);
  }

  onPong(data: Buffer): void {
    this.#note(`pong ${data.toString()}`);
  }

  onPeerClose(code: number | undefined, reason: string): void {
    this.#note(`peer close ${code ?? ''} ${reason}`.trim());
  }

  onPeerEnd(): void {
    this.#note('peer end');
  }

  onProtocolError({ closeCode }: ProtocolError): void {
    this.#note(`protocol error ${closeCode}`);
  }

  onFailure({ name }: Error): void {
    this.#note(`failure ${name}`);
  }

  onEnd(error?: Error): void {
    this.error = error;
    this.#note(error ? `end ${error.name}` : 'end');
  }

  #note(line: string): void {
    this.lines.push(line);
    this.onLine(line);
    this.#condition.changed();
  }
}

import { json } from 'nestjs-websockex';

/** What is asked of the browser, or of one page of it. */
export interface Command {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
  /** The page; without one, the browser. */
  readonly sessionId?: string | undefined;
}

/** What goes over the wire: commands, their answers, and events. */
interface Message extends Partial<Command> {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/**
 * The DevTools protocol: JSON-RPC without its `jsonrpc` field. Commands have an id, events none.
 *
 * @see https://chromedevtools.github.io/devtools-protocol/
 */
export const devtools = json<Message>({
  name: 'method',
  request: (command, id) => ({ ...command, id: Number(id) }),
  answer: ({ id, result, error }) => {
    if (id === undefined) return undefined;
    return error === undefined ? { id, value: result } : { id, error: new Error(error.message) };
  },
});

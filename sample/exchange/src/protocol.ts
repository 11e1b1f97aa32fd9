import { json } from 'nestjs-websockex';
import { z } from 'zod';

/** A trade, as a handler gets it. The price comes as text, as exchanges send what must not be rounded. */
export const Trade = z.object({
  type: z.literal('trade'),
  symbol: z.string(),
  seq: z.number().int(),
  price: z.coerce.number().positive(),
});
export type Trade = z.infer<typeof Trade>;

/** What goes over the wire, as far as a protocol looks at it. */
export interface Message {
  readonly type?: string;
  readonly op?: string;
  readonly id?: number;
  readonly symbol?: string;
  readonly seq?: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** How the exchange talks: requests have an id, and its trades are numbered for each symbol. */
export const exchange = json<Message>({
  request: (message, id) => ({ ...message, id: Number(id) }),
  answer: ({ id, result, error }) => {
    if (id === undefined) return undefined;
    return error === undefined ? { id, value: result } : { id, error: new Error(error) };
  },
  position: ({ type, symbol, seq }) =>
    type === 'trade' && symbol !== undefined && seq !== undefined
      ? { stream: symbol, seq }
      : undefined,
});

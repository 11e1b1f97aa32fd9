import type { Gap, GapContext, Resync } from '../runtime/session/gap.js';
import { createHandlerDecorator, type HandlerDecorator } from './create-handler.decorator.js';

/** What fills a gap. */
type GapResult = void | undefined | Iterable<unknown> | AsyncIterable<unknown> | Resync;

/**
 * The method gets what is missing of a stream of the peer's: `protocol.position` says where messages stand, and they do
 * not follow on the last one that was handled. It returns the messages between `from` and `to`, as the protocol would have
 * decoded them, in any order; or `resync(position, messages)`; or nothing, where nobody has them: the event `gap:lost`
 * tells. Until it is done that stream waits, up to 10,000 messages or 16 MiB; others go on, as do other handlers. It has
 * 30 s, and what it throws, or gives only in part, has it asked again, three times in all; the `signal` of its second
 * argument tells when it is not to go on.
 *
 * Without a pattern it is for every stream; of several the first is asked whose pattern fits. Streams that none is for
 * are not watched.
 *
 * @example
 * @OnGap() fill({ stream, from, to }: Gap, { signal }: GapContext) {
 *   return this.history.trades(stream, from.seq, to.seq, { signal });
 * }
 * @OnGap(/^book:/) async snapshot({ stream }: Gap) {
 *   const { seq, book } = await this.books.snapshot(stream);
 *   return resync({ stream, seq }, [book]);
 * }
 *
 * @publicApi
 */
export function OnGap(stream?: string | RegExp): HandlerDecorator<[Gap, GapContext], GapResult> {
  return createHandlerDecorator({ kind: 'gap', decorator: '@OnGap', pattern: stream }, arguments);
}

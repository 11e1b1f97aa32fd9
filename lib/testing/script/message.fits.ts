import {
  hasShape,
  type MessagePattern,
  type NamedMessage,
  notAPattern,
  selectorOf,
} from '../../runtime/codec/message.pattern.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import { equalsPlainly, isAsymmetric, isRecord } from './equality.js';
import { withoutMemory } from './stateless.js';

/**
 * Which messages a test means: as `@OnMessage` has it, with asymmetric matchers (`expect.any(Number)`) anywhere in a
 * shape, or in its place.
 *
 * @param what who is asked, for errors: "expectMessage()"
 * @throws TypeError for what is no pattern
 */
export function messageFits(
  what: string,
  pattern: MessagePattern | undefined,
): (message: NamedMessage) => boolean {
  if (pattern === undefined) return () => true;
  if (isAsymmetric(pattern)) {
    const expected = withoutMemory(pattern);
    return ({ value }) => equalsPlainly(value, expected);
  }
  const wanted = notAPattern(pattern);
  if (wanted !== undefined) {
    throw new TypeError(
      `${what}: the pattern is ${inspectShort(pattern)}; it must be ${wanted}, as for @OnMessage`,
    );
  }
  if (!isRecord(pattern)) return selectorOf(pattern);
  const shape = withoutMemory(pattern);
  return ({ value }) => hasShape(value, shape, judge);
}

/** A matcher of the test runner decides by itself. */
function judge(shape: unknown, message: unknown): boolean | undefined {
  return isAsymmetric(shape) ? shape.asymmetricMatch(message) : undefined;
}

import type { StandardSchemaV1 } from '../runtime/codec/standard.schema.js';

/**
 * What a method is called for. Named after its decorator: `'frame'` of `@OnFrame`, `'beforeConnect'` of `@BeforeConnect`.
 *
 * @publicApi
 */
export type HandlerKind =
  | 'start'
  | 'beforeConnect'
  | 'connect'
  | 'frame'
  | 'message'
  | 'request'
  | 'subscribe'
  | 'gap'
  | 'error'
  | 'ping'
  | 'pong'
  | 'cast'
  | 'call'
  | 'info'
  | 'disconnect'
  | 'terminate'
  | 'codeChange'
  | 'formatStatus';

/** Which frames an `@OnFrame` takes. */
export type FramePattern = string | RegExp | ((data: never) => boolean);

/** One handler decorator on one method. */
export interface HandlerMetadata {
  readonly kind: HandlerKind;
  /** The decorator's name, for errors: `@OnFrame`. */
  readonly decorator: string;
  readonly key: string | symbol;
  readonly frameType?: unknown;
  /** Which of them, or the name of a request. */
  readonly pattern?: unknown;
  /** What a message must be. */
  readonly schema?: StandardSchemaV1 | undefined;
}

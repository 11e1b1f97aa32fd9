import type {
  CanActivate,
  ExceptionFilter,
  NestInterceptor,
  PipeTransform,
  Type,
} from '@nestjs/common';

import type { HandlerKind } from '../interfaces/handler-metadata.interface.js';

/** Handlers of what comes in. The others are called by the life of a client, and nothing stands before them. */
export const ENHANCED: ReadonlySet<HandlerKind> = new Set<HandlerKind>([
  'frame',
  'message',
  'request',
  'ping',
  'pong',
  'cast',
  'call',
  'info',
]);

/** What stands around a handler, as its decorators name it: an instance, or the class of one. */
export interface Enhancers {
  readonly guards: readonly (Type<CanActivate> | CanActivate)[];
  readonly pipes: readonly (Type<PipeTransform> | PipeTransform)[];
  readonly interceptors: readonly (Type<NestInterceptor> | NestInterceptor)[];
  readonly filters: readonly (Type<ExceptionFilter> | ExceptionFilter)[];
}

/** Where Nest's decorators note them, and what a reader knows them by. */
export const ENHANCERS: readonly {
  readonly kind: keyof Enhancers;
  readonly key: string;
  readonly decorator: string;
  /** The method each of them has. */
  readonly method: string;
}[] = [
  { kind: 'guards', key: '__guards__', decorator: '@UseGuards', method: 'canActivate' },
  { kind: 'pipes', key: '__pipes__', decorator: '@UsePipes', method: 'transform' },
  {
    kind: 'interceptors',
    key: '__interceptors__',
    decorator: '@UseInterceptors',
    method: 'intercept',
  },
  { kind: 'filters', key: '__exceptionFilters__', decorator: '@UseFilters', method: 'catch' },
];

/** What `@UseGuards` and its like noted on a class or a method. */
export function readEnhancers(target: object): Enhancers {
  const read = ({ key }: (typeof ENHANCERS)[number]): unknown[] =>
    ((Reflect.getMetadata(key, target) ?? []) as unknown[]).filter((one) => Boolean(one));
  const entries = ENHANCERS.map((one) => [one.kind, read(one)] as const);
  return Object.fromEntries(entries) as unknown as Enhancers;
}

import { toPromise } from '../async/deferred.js';
import { MessageFault, type SchemaIssue } from '../errors/message.errors.js';
import { inspectShort, toError } from '../errors/websockex.error.js';

/**
 * A schema of any library that follows Standard Schema: zod, valibot, arktype and others. It is declared here,
 * since Nest 11 does not bring it.
 *
 * @see https://standardschema.dev
 *
 * @publicApi
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/**
 * What a schema says of a value: the value, coerced maybe, or what is wrong with it.
 *
 * @publicApi
 */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/**
 * What a schema makes of a value that it accepts.
 *
 * @publicApi
 */
export type SchemaOutput<S extends StandardSchemaV1> = NonNullable<
  S['~standard']['types']
>['output'];

/** Whether a value is a schema. */
export function isSchema(value: unknown): value is StandardSchemaV1 {
  // Those of arktype are functions.
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard = (value as Partial<StandardSchemaV1>)['~standard'];
  return typeof standard?.validate === 'function';
}

/**
 * What a schema makes of a value, or a promise of it where the schema is asynchronous.
 *
 * @param path where the value stands in its message, for errors
 * @throws (or rejects) MessageFault where it does not accept it, or fails at it
 */
export function check(schema: StandardSchemaV1, value: unknown, path?: string): unknown {
  let result: unknown;
  try {
    result = schema['~standard'].validate(value);
  } catch (thrown) {
    throw failed(thrown, path);
  }
  const promise = toPromise(result);
  if (promise === undefined) return accepted(result, path);
  return promise.then(
    (late) => accepted(late, path),
    (thrown: unknown) => {
      throw failed(thrown, path);
    },
  );
}

function accepted(result: unknown, path: string | undefined): unknown {
  if (!isResult(result)) {
    const what = `it returned ${inspectShort(result)}; it must return a value or a list of issues`;
    throw failed(new TypeError(what), path);
  }
  if (!result.issues) return (result as { readonly value: unknown }).value;
  const issues =
    path === undefined
      ? result.issues
      : result.issues.map(({ message, path: below = [] }) => ({ message, path: [path, ...below] }));
  throw new MessageFault('invalid', `is not valid: ${describeIssues(issues)}`, issues);
}

/** A schema of the user's own may return anything. */
function isResult(result: unknown): result is SchemaResult<unknown> {
  if (typeof result !== 'object' || result === null) return false;
  const { issues } = result as { readonly issues?: unknown };
  return issues ? Array.isArray(issues) && issues.every(isIssue) : true;
}

function isIssue(issue: unknown): issue is SchemaIssue {
  if (typeof issue !== 'object' || issue === null) return false;
  const { path } = issue as { readonly path?: unknown };
  return path === undefined || Array.isArray(path);
}

/** A message may be too much for a schema: nested too deep, for one. */
function failed(thrown: unknown, path: string | undefined): MessageFault {
  const what = path === undefined ? 'its schema' : `the schema of "${path}"`;
  const why = `is not valid: ${what} failed: ${toError(thrown).message}`;
  return new MessageFault('invalid', why, [], { cause: thrown });
}

/** What is wrong, in one line: `price: expected a number; …`. */
function describeIssues(issues: readonly SchemaIssue[]): string {
  const texts = issues.slice(0, 3).map(({ message, path = [] }) => {
    const place = path.map((one) => String(typeof one === 'object' ? one.key : one)).join('.');
    return place === '' ? message : `${place}: ${message}`;
  });
  const more = issues.length - texts.length;
  return `${texts.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

// One run: a server and a client, each a fresh process, each on a core of its own where that can be had.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const server = fileURLToPath(new URL('../server.mjs', import.meta.url));
const client = fileURLToPath(new URL('client.mjs', import.meta.url));

/** A run that takes longer hangs: frames were lost, most likely. */
const LIMIT = 60_000;

/** Milliseconds in which a server that has ended is known to have done so. */
const PATIENCE = 2_000;

/** Why nothing is pinned, or nothing. */
export const unpinned = await (async () => {
  if (availableParallelism() < 2) return 'there is one core only';
  return run('taskset', ['-c', '0,1', 'true']).then(
    () => undefined,
    () => '`taskset` is not there',
  );
})();

function pinned(core, command) {
  return unpinned === undefined ? ['taskset', '-c', String(core), ...command] : command;
}

/** Of all that a process wrote when it failed, the error. */
const lastWords = (text) => /^\w*Error.*$/m.exec(text)?.[0] ?? text.trim();

/** A server, and what tells that it is gone. */
export async function serve(isTls = false) {
  const [file, ...args] = pinned(0, [process.execPath, server, ...(isTls ? ['tls'] : [])]);
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const said = [];
  child.stderr.on('data', (text) => said.push(text));
  const gone = new AbortController();
  child.on('close', () => gone.abort(new Error(`the server ended: ${lastWords(said.join(''))}`)));
  const [{ port, ca }] = await once(child, 'message', { signal: gone.signal }).catch(() => {
    throw gone.signal.reason;
  });
  return { child, url: `${isTls ? 'wss' : 'ws'}://127.0.0.1:${port}`, ca, gone: gone.signal };
}

/** The figures of one work of one subject; rejects where frames were lost. */
export async function runOnce(subject, work, limit = LIMIT) {
  const { child, url, ca, gone } = await serve(work.tls === true);
  try {
    const [file, ...args] = pinned(1, subject.command({ work, url, ca }));
    const { stdout } = await run(file, args, {
      timeout: limit,
      killSignal: 'SIGKILL',
      // A server that has ended saw something wrong: the client would wait for ever.
      signal: gone,
      env: { ...process.env, WS_NO_BUFFER_UTIL: subject.bufferutil ? '' : '1' },
    });
    return JSON.parse(stdout);
  } catch (error) {
    // One that ends without a word may have been left by a server that has more to say, and is a little later.
    if (!error.killed && !error.stderr && !gone.aborted) {
      await Promise.race([once(gone, 'abort'), wait(PATIENCE, undefined, { ref: false })]);
    }
    const late = error.killed
      ? `not over after ${limit} ms`
      : lastWords(error.stderr || error.message);
    const said = gone.aborted ? gone.reason.message : late;
    throw new Error(`${subject.name}, ${JSON.stringify(work)}: ${said}`, { cause: error });
  } finally {
    child.kill();
  }
}

/** How a subject of this folder is run. */
export function nodeSubject(name, file, more) {
  return {
    name,
    command: (options) => [
      process.execPath,
      '--expose-gc',
      client,
      JSON.stringify({ subject: file.href, ...options }),
    ],
    ...more,
  };
}

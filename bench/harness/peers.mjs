// Gets the peers: npm installs those of bench/peers/package.json, compilers build the others. Who cannot be had is told.
import { execFile } from 'node:child_process';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = new URL('../peers/', import.meta.url);

const json = async (url) => JSON.parse(await readFile(url, 'utf8'));

/** The version of a package of bench/peers that is installed, or nothing. */
async function installed(name) {
  return json(new URL(`node_modules/${name}/package.json`, folder)).then(
    ({ version }) => version,
    () => undefined,
  );
}

async function missing() {
  const { dependencies } = await json(new URL('package.json', folder));
  const names = Object.keys(dependencies);
  const versions = await Promise.all(names.map(installed));
  return names.filter((name, index) => versions[index] !== dependencies[name]);
}

/** What npm or a compiler said, in one line. */
function complaint(error) {
  const lines = (error.stderr || error.message).split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /error/i.test(line)) ?? lines[0];
}

/** Why packages are missing still: npm is asked once. */
async function install() {
  if ((await missing()).length === 0) return undefined;
  const args = ['ci', '--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund'];
  return run('npm', args, { cwd: fileURLToPath(folder), timeout: 120_000 }).then(
    () => undefined,
    complaint,
  );
}

const modified = (url) =>
  stat(url).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

/** Why a peer could not be built. */
async function build({ binary, source, compiler: [command, args], env, debian }) {
  if ((await modified(binary)) > (await modified(source))) return undefined;
  await mkdir(new URL('build/', folder), { recursive: true });
  const all = [...args, '-o', fileURLToPath(binary), fileURLToPath(source)];
  return run(command, all, { timeout: 300_000, env: { ...process.env, ...env } }).then(
    () => undefined,
    (error) => `${complaint(error)} (Debian: apt-get install ${debian})`,
  );
}

/** Those of the subjects that are there, and why the others are not. */
export async function prepare(subjects) {
  const isNpmNeeded = subjects.some(({ needs = [] }) => needs.length > 0);
  const refused = isNpmNeeded ? await install() : undefined;
  const lacking = isNpmNeeded ? await missing() : [];
  const absent = [];
  for (const subject of subjects) {
    const { name, binary, needs = [] } = subject;
    const lacks = needs.filter((one) => lacking.includes(one));
    if (lacks.length > 0) {
      absent.push({ name, why: `npm has not installed ${lacks.join(' and ')}: ${refused}` });
    } else if (binary !== undefined) {
      const why = await build(subject);
      if (why !== undefined) absent.push({ name, why });
    }
  }
  const isAbsent = new Set(absent.map(({ name }) => name));
  return { present: subjects.filter(({ name }) => !isAbsent.has(name)), absent };
}

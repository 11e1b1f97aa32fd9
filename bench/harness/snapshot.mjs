// Sums up a heap snapshot of V8. It is read as bytes: it may be longer than a string can be.
import { readFileSync } from 'node:fs';

/** What tells little by its own name: it is summed up by what holds it, too. */
const VAGUE = new Set(['array', 'closure', 'number', 'string', 'hidden']);
const VAGUE_NAMES = new Set(['Object', 'Array', 'Set', 'Map', 'Promise', 'system / Context']);

/**
 * How many objects there are of each name, and how many bytes of their own: `byName`. `byHolder` has those with a vague
 * name once more, each by the first that refers to it.
 */
export function summarize(file) {
  const bytes = readFileSync(file);
  const { meta, node_count: nodeCount } = head(bytes);
  const strings = JSON.parse(bytes.subarray(bytes.lastIndexOf('"strings":[') + 10, -1).toString());
  const nodes = numbers(bytes, '"nodes":[', nodeCount * meta.node_fields.length);
  const names = nodeNames(nodes, meta, strings);
  const holders = holdersOf(bytes, nodes, meta, strings, names);
  const [sizeAt, width] = [meta.node_fields.indexOf('self_size'), meta.node_fields.length];
  const byName = new Map();
  const byHolder = new Map();
  for (let node = 0; node < nodeCount; node++) {
    const size = nodes[node * width + sizeAt];
    add(byName, names.of(node), size);
    if (names.isVague(node)) add(byHolder, `${names.of(node)} of ${holders(node)}`, size);
  }
  return { byName, byHolder };
}

function add(sums, name, size) {
  const sum = sums.get(name) ?? { count: 0, bytes: 0 };
  sum.count++;
  sum.bytes += size;
  sums.set(name, sum);
}

/** What comes before the nodes is JSON, once it is closed. */
function head(bytes) {
  const text = bytes.subarray(0, bytes.indexOf('"nodes":[')).toString();
  return JSON.parse(`${text.slice(0, text.lastIndexOf(','))}}`).snapshot;
}

/** The constructor of an object; the name of a function; of anything else what it is. */
function nodeNames(nodes, { node_fields: fields, node_types: [types] }, strings) {
  const width = fields.length;
  const typeAt = fields.indexOf('type');
  const nameAt = fields.indexOf('name');
  const typeOf = (node) => types[nodes[node * width + typeAt]];
  const nameOf = (node) => strings[nodes[node * width + nameAt]];
  return {
    of: (node) => {
      const type = typeOf(node);
      if (type === 'object' || type === 'native') return nameOf(node);
      return type === 'closure' ? `${nameOf(node) || '(anonymous)'}()` : `(${type})`;
    },
    isVague: (node) => VAGUE.has(typeOf(node)) || VAGUE_NAMES.has(nameOf(node)),
    isRoot: (node) => typeOf(node) === 'synthetic',
  };
}

/** Tells of a node what refers to it first, and how. */
function holdersOf(bytes, nodes, meta, strings, names) {
  const width = meta.node_fields.length;
  const countAt = meta.node_fields.indexOf('edge_count');
  const [types] = meta.edge_types;
  const [weak, element, hidden] = ['weak', 'element', 'hidden'].map((type) => types.indexOf(type));
  const nodeCount = nodes.length / width;
  let edgeCount = 0;
  for (let node = 0; node < nodeCount; node++) edgeCount += nodes[node * width + countAt];
  const edges = numbers(bytes, '"edges":[', edgeCount * 3);
  const holder = new Int32Array(nodeCount).fill(-1);
  const how = new Int32Array(nodeCount);
  let edge = 0;
  for (let node = 0; node < nodeCount; node++) {
    const end = edge + nodes[node * width + countAt] * 3;
    for (; edge < end; edge += 3) {
      const to = edges[edge + 2] / width;
      const type = edges[edge];
      if (holder[to] !== -1 || type === weak || names.isRoot(node)) continue;
      holder[to] = node;
      // An element has a number in place of a name.
      how[to] = type === element || type === hidden ? -1 : edges[edge + 1];
    }
  }
  return (node) =>
    holder[node] === -1
      ? '(root)'
      : `${names.of(holder[node])}.${how[node] === -1 ? '[]' : strings[how[node]]}`;
}

/** The numbers of an array of the file. */
function numbers(bytes, start, count) {
  const all = new Uint32Array(count);
  let index = bytes.indexOf(start) + start.length;
  for (let at = 0; at < count; at++) {
    let number = 0;
    // Between two numbers stand a comma and, now and then, a line break.
    while (bytes[index] < 48 || bytes[index] > 57) index++;
    for (; bytes[index] >= 48 && bytes[index] <= 57; index++) {
      number = number * 10 + bytes[index] - 48;
    }
    all[at] = number;
  }
  return all;
}

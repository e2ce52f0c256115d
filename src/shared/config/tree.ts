import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { restoreBraces } from './document.ts';
import type { Positions } from './positions.ts';
import { type Path, type Problem, printKey } from './problems.ts';

/** A string of the file that asks for a value from outside. */
export interface Reference {
  path: Path;
  text: string;
  /** Puts a value in its place. */
  set(value: unknown): void;
}

/** A YAML document as plain values; every alias is a copy of what it names. */
export interface Tree {
  root: unknown;
  references: readonly Reference[];
  problems: readonly Problem[];
}

interface Walk {
  positions: Positions;
  anchors: Map<string, Node>;
  references: Reference[];
  problems: Problem[];
  /** How many values may still be read, and how many of them by following aliases. */
  left: Budget;
  copies: Budget;
}

interface Budget {
  values: number;
}

/** Far above any real configuration. A file has no more than it has bytes; what its aliases ask for may have no end. */
const maxValues = 1_000_000;
const maxCopies = 100_000;
const maxDepth = 32;

/** Records the position of every path in `positions`. */
export function readTree(document: Document, positions: Positions): Tree {
  const walk: Walk = {
    positions,
    anchors: new Map(),
    references: [],
    problems: [],
    left: { values: maxValues },
    copies: { values: maxCopies },
  };
  let root: unknown;
  place(walk, { node: document.contents, path: [] }, (value) => {
    root = value;
  });
  return { root, references: walk.references, problems: walk.problems };
}

function place(
  walk: Walk,
  { node, path }: { node: unknown; path: Path },
  set: (value: unknown) => void,
): void {
  const value = read(walk, node, path);
  set(value);
  if (typeof value === 'string' && value.includes('${')) walk.references.push({ path, text: value, set });
}

function read(walk: Walk, node: unknown, path: Path): unknown {
  walk.left.values -= 1;
  if (isSpent(walk) || path.length > maxDepth) return refuseSize(walk, path);
  if (isAlias(node)) return readAlias(walk, node.source, path);
  if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor) walk.anchors.set(node.anchor, node);
  if (isMap(node)) return readMap(walk, node.items, path);
  if (isSeq(node)) return readList(walk, node.items, path);
  if (!isScalar(node)) return null;
  return typeof node.value === 'string' ? restoreBraces(node.value) : node.value;
}

function readAlias(walk: Walk, name: string, path: Path): unknown {
  const node = walk.anchors.get(name);
  if (node) return read({ ...walk, left: walk.copies }, node, path);
  walk.problems.push({ path, message: 'an alias needs its anchor before it' });
  return undefined;
}

function readMap(walk: Walk, pairs: readonly Pair[], path: Path): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  const first = new Map<string, number>();
  for (const { key, value } of pairs) {
    const name = keyText(key);
    const offset = offsetOf(key);
    const seen = first.get(name);
    if (seen !== undefined || name === '__proto__') {
      refuseKey(walk, { path, name, offset, seen });
      continue;
    }
    first.set(name, offset);
    walk.positions.record([...path, name], offset);
    place(walk, { node: value, path: [...path, name] }, (placed) => {
      map[name] = placed;
    });
    if (isSpent(walk)) break;
  }
  return map;
}

function readList(walk: Walk, nodes: readonly unknown[], path: Path): unknown[] {
  const list: unknown[] = [];
  for (const [index, node] of nodes.entries()) {
    walk.positions.record([...path, index], offsetOf(node));
    place(walk, { node, path: [...path, index] }, (placed) => {
      list[index] = placed;
    });
    if (isSpent(walk)) break;
  }
  return list;
}

/** The file is refused, so which of two equal keys keeps its position is of no matter; the second is the one to name. */
function refuseKey(
  walk: Walk,
  { path, name, offset, seen }: { path: Path; name: string; offset: number; seen: number | undefined },
): void {
  const refused = [...path, name];
  walk.positions.record(refused, offset);
  const message =
    seen === undefined
      ? 'this key is not allowed'
      : `the key ${printKey(name)} is there twice; first on line ${walk.positions.line(seen)}`;
  walk.problems.push({ path: refused, message });
}

function isSpent({ left, copies }: Walk): boolean {
  return left.values < 0 || copies.values < 0;
}

function refuseSize(walk: Walk, path: Path): undefined {
  const message = 'too large or too deeply nested once its aliases are followed';
  if (!walk.problems.some((problem) => problem.message === message)) walk.problems.push({ path, message });
  return undefined;
}

function keyText(key: unknown): string {
  return isScalar(key) ? restoreBraces(String(key.value)) : String(key);
}

function offsetOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0;
}

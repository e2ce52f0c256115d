import type { LineCounter } from 'yaml';
import { type Path, type Place, printPath } from './problems.ts';

/** Remembers where each path of a YAML file was written. */
export interface Positions {
  record(path: Path, offset: number): void;
  /** The place of the path, or of the nearest parent that was written. */
  locate(path: Path): Place;
  at(offset: number): Place;
  line(offset: number): number;
}

/** `file` is the file's name as messages give it. */
export function createPositions(file: string, lines: LineCounter): Positions {
  const offsets = new Map<string, number>();
  return {
    record: (path, offset) => {
      offsets.set(keyOf(path), offset);
    },
    locate: (path) => place({ file, path }, lines.linePos(nearest(offsets, path))),
    at: (offset) => place({ file, path: [] }, lines.linePos(offset)),
    line: (offset) => lines.linePos(offset).line,
  };
}

/** A path as the key of a Map. */
export function keyOf(path: Path): string {
  return JSON.stringify(path);
}

function nearest(offsets: ReadonlyMap<string, number>, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const offset = offsets.get(keyOf(path.slice(0, length)));
    if (offset !== undefined) return offset;
  }
  return 0;
}

/** yaml gives line 0 when the text is empty. */
function place({ file, path }: { file: string; path: Path }, position: { line: number; col: number }): Place {
  const line = Math.max(position.line, 1);
  const column = Math.max(position.col, 1);
  const where = `${file}:${line}:${column}`;
  return { line, column, label: path.length === 0 ? where : `${where}: ${printPath(path)}` };
}

import type { Path } from './problems.ts';

const ofCommand = ['dump', 'restore', 'inspect', 'check'];
const aroundRuns = ['before', 'after'];

/**
 * Why no value from outside may stand at `path`, which is a program's or its arguments'; undefined for any other place. Most
 * such values are secrets, and everybody on the machine can read arguments.
 */
export function argumentProblem(path: Path): string | undefined {
  const [key, index] = path.slice(path[0] === 'databases' ? 2 : 1);
  if ((path[0] !== 'databases' && path[0] !== 'defaults') || typeof index !== 'number') return undefined;
  if (ofCommand.includes(String(key))) return messageWith('write it below "environment"');
  return aroundRuns.includes(String(key)) ? messageWith('let the program read it from a file') : undefined;
}

function messageWith(way: string): string {
  return `an argument takes no \${…}, for everybody on the machine can read it; ${way}, or write $\${ for a plain "\${"`;
}

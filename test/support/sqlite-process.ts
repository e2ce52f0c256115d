import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A process of its own: whoever closes a file in a process drops every lock that the process has on it. */
export function openElsewhere(path: string) {
  const other = spawn('sqlite3', ['-init', '/dev/null', '-batch', path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: other.stdout });
  const closed = once(other, 'close');
  return {
    run: async (sql: string): Promise<void> => {
      const done = new Promise<void>((resolve) => {
        lines.on('line', (line) => line === 'done' && resolve());
      });
      other.stdin.write(`${sql}\nSELECT 'done';\n`);
      await done;
    },
    close: async (): Promise<void> => {
      other.stdin.end();
      await closed;
    },
  };
}

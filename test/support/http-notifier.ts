import type { NotifierSubject } from '../conformance/notifier-suite.ts';
import { type HttpSink, startHttpSink } from './http-sink.ts';

/** An HTTP service that gives what it took by `read`. */
export async function withHttpSubject(
  use: (subject: NotifierSubject) => Promise<void>,
  read: (received: HttpSink['received'][number]) => string = ({ body }) => body,
): Promise<void> {
  const sink = await startHttpSink();
  const statuses = { ok: 204, later: 503, never: 404, hang: 'hang' } as const;
  try {
    await use({
      port: sink.port,
      taken: () => sink.received.map(read),
      connections: sink.connections,
      answer: (how) => sink.answer(statuses[how]),
    });
  } finally {
    await sink.close();
  }
}

import type { JobSchedulerTemplateOptions } from 'bullmq';
import type { Config } from '../../shared/config/schema.ts';
import { tickOptions } from '../../shared/queues/options.ts';
import type { Payload } from '../../shared/queues/payloads.ts';

/** One schedule as Redis is to hold it. */
export interface Schedule {
  id: string;
  /** Five fields of cron, in the zone `tz`. */
  pattern: string;
  tz: string;
  data: Payload<'tick'>;
  opts: JobSchedulerTemplateOptions;
}

/** Every schedule that the configuration asks for. Of a server it is one, for all of its databases. */
export function schedulesOf({ databases, servers, queue }: Config): Schedule[] {
  const opts = tickOptions(queue);
  const templates = [...servers.values()].map(({ template }) => template);
  return [...databases.values(), ...templates].flatMap(({ name, timezone: tz, verify }) =>
    verify.schedule === undefined
      ? []
      : [
          {
            id: `verify:${name}`,
            pattern: verify.schedule,
            tz,
            data: { kind: 'verify' as const, database: name },
            opts,
          },
        ],
  );
}

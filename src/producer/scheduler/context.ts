import type { Redis } from 'ioredis';
import type { Client } from '../client/client.ts';
import type { Current } from '../current.ts';
import type { SlotContext } from './see-to-slot.ts';
import type { TickContext } from './verify-tick.ts';

export interface SchedulerOptions extends Pick<SlotContext, 'logger' | 'onMissed'> {
  current: Current;
  /** Of the role `worker`: it waits for a Redis that is away. */
  redis: Redis;
  client: Pick<Client, 'backup' | 'discover' | 'verify'>;
  clock: () => Date;
  random: () => number;
}

/** What the parts of the scheduler share. */
export type SchedulerContext = SchedulerOptions & SlotContext & TickContext;

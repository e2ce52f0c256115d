import type { RequestHandler } from 'express';
import { z } from 'zod';
import { roles } from '../../../shared/config/access-schema.ts';
import { BackupDataError } from '../../../shared/errors.ts';
import type { Access } from '../../identity/access.ts';
import { auditEntrySchema } from '../../identity/audit.ts';
import { callerOf } from '../http/caller.ts';
import { inputOf } from './input.ts';

export const meSchema = z.object({
  name: z.string(),
  role: z.enum(roles),
  databases: z.array(z.string()).nullable().meta({ description: 'Patterns of the names it is limited to' }),
});

/** Who asks. */
export const sendMe: RequestHandler = (request, response) => {
  const { name, role, databases } = callerOf(request).principal;
  response.json({ name, role, databases });
};

export const auditRequest = z.strictObject({
  limit: z.int().min(1).max(1_000).default(100).meta({ description: 'At most that many' }),
  after: z.string().max(40).optional().meta({ description: 'The `next` of the page before' }),
});

export const auditResponse = z.object({
  entries: z.array(auditEntrySchema),
  next: z.string().nullable(),
});

/** Who did what. For an admin of everything: it names every database. */
export function sendAudit(access: Access): RequestHandler {
  return async (request, response) => {
    const { principal } = callerOf(request);
    if (principal.role !== 'admin' || principal.databases !== null)
      throw new BackupDataError(
        'FORBIDDEN',
        `the audit log takes the role admin for every database, and ${principal.name} has not that`,
        { hint: 'Use a token with that role, which no `databases` limit.' },
      );
    const { limit, after } = inputOf(request, { schema: auditRequest });
    response.json(await access.audit.read({ limit, after }));
  };
}

import type { Response } from 'express';
import { z } from 'zod';
import { type BackupDataError, type ErrorCode, exitCodeOf } from '../../../shared/errors.ts';
import { errorSchema } from '../../operations/documents.ts';

/** An error as RFC 9457 wants it, with the code, the hint and whether trying again can help. */
export const problemSchema = z.object({
  type: z.string().meta({ description: 'urn:backupdata:error: and the code' }),
  title: z.string(),
  status: z.int(),
  detail: z.string().meta({ description: 'One sentence that says what is wrong' }),
  ...errorSchema.omit({ message: true }).shape,
});

export type Problem = z.output<typeof problemSchema>;

/** Where the exit code of the command line does not tell the status. */
const statuses: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  ORIGIN_REFUSED: 403,
  REQUEST_CONFLICT: 409,
  REQUEST_TOO_LARGE: 413,
  RATE_LIMITED: 429,
  CONFIG_INVALID: 500,
  CONFIG_DRIFT: 500,
  TOOL_MISSING: 500,
  TOOL_TOO_OLD: 500,
  STORAGE_AUTH: 502,
  DATABASE_AUTH: 502,
  DATABASE_PERMISSION: 502,
  OBJECT_EXISTS: 409,
  NOTIFICATION_FAILED: 502,
};

/** By exit code: failed, usage, not found, refused for safety, unavailable, interrupted. */
const byExit: Readonly<Record<number, number>> = { 1: 500, 2: 400, 3: 404, 4: 409, 5: 503, 130: 503 };

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  409: 'Refused',
  413: 'Too large',
  429: 'Too many requests',
  500: 'Failed',
  502: 'Failed elsewhere',
  503: 'Unavailable',
};

/** Seconds after which it is worth trying again where nobody knows better. */
const usualWait = 5;

export function statusOf(code: ErrorCode): number {
  return statuses[code] ?? byExit[exitCodeOf(code)] ?? 500;
}

export function problemOf(error: BackupDataError): Problem {
  const { code, hint, retryable } = error;
  const status = statusOf(code);
  return {
    type: `urn:backupdata:error:${code}`,
    title: titles[status] ?? 'Failed',
    status,
    detail: detailOf(error),
    code,
    hint,
    retryable,
  };
}

/** What nobody foresaw may quote anything, so it stays in the log. */
function detailOf({ code, message }: BackupDataError): string {
  return code === 'INTERNAL'
    ? 'something failed that should not; the log of the producer says what'
    : message;
}

/** Answers with an error, and `more` beside it. Never a stack, and nothing of its cause. */
export function sendProblem(
  response: Response,
  error: BackupDataError,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const problem = beginProblem(response, error);
  response.type('application/problem+json').send(JSON.stringify({ ...problem, ...more }));
}

/** The status of an error and the headers that go with it; what it returns is to be told in some form. */
export function beginProblem(response: Response, error: BackupDataError): Problem {
  const problem = problemOf(error);
  if (problem.status === 429 || problem.status === 503 || error.retryAfter !== undefined)
    response.set('Retry-After', String(error.retryAfter ?? usualWait));
  if (problem.status === 401) response.set('WWW-Authenticate', 'Bearer realm="backupdata"');
  response.status(problem.status);
  return problem;
}

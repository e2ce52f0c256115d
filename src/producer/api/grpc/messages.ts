import type { z } from 'zod';
import { BackupDataError, type ErrorDocument, isErrorCode } from '../../../shared/errors.ts';
import { contract, type OperationName, type ResponseOf } from '../../operations/contract.ts';
import { type JobUpdate, resultSchemas, updateSchema } from '../../operations/documents.ts';

/** A message as a plain object, its fields named as those of the documents. */
export type Message = Readonly<Record<string, unknown>>;

/**
 * The document that a message is. Both have the same fields, but for two: a manifest is sent as its JSON, and what a job gave
 * is in a field by the job's kind. What is null in a document is left out of a message, which the library does by itself.
 */
export function toMessage(document: object): Message {
  return mapObject(document, (key, value, { name }) => {
    if (key === 'manifest') return JSON.stringify(value);
    if (key === 'result') return toResult(value, name);
    return value;
  });
}

/** What a job of that name gave; one of a kind that has no message is left out. */
export function toResult(result: unknown, name: unknown): Message | null {
  if (result === null || typeof name !== 'string' || !Object.hasOwn(resultSchemas, name)) return null;
  return { [name]: result };
}

function fromMessage(message: object): Message {
  return mapObject(message, (key, value) => {
    if (key === 'manifest' && typeof value === 'string') return JSON.parse(value);
    if (key === 'result' && isObject(value)) return Object.values(value)[0] ?? null;
    return value;
  });
}

/** Deeply; a value that `translate` replaced is taken as it is. */
function mapObject(
  object: object,
  translate: (key: string, value: unknown, parent: Message) => unknown,
): Message {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    return isObject(value) ? mapObject(value, translate) : value;
  };
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => {
      const translated = translate(key, value, object as Message);
      return [key, translated === value ? walk(value) : translated];
    }),
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** What an operation is asked with. USAGE where its schema does not allow it. */
export function readRequest<T>(schema: z.ZodType<T>, message: Message): T {
  // A list that is empty and one that is left out are the same message.
  const given = Object.entries(message).filter(([, value]) => !Array.isArray(value) || value.length > 0);
  const parsed = schema.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message: problem }) =>
    path.length === 0 ? problem : `${path.map(snakeCase).join('.')}: ${problem}`,
  );
  throw new BackupDataError('USAGE', `the request cannot be taken: ${issues.join('; ')}`, {
    hint: 'proto/backup.proto says what each call takes.',
  });
}

/** What an operation answered, as the contract has it. */
export function readResponse<Name extends OperationName>(name: Name, message: Message): ResponseOf<Name> {
  const schema: z.ZodType<object> = contract[name].response;
  return readAs(schema, message) as ResponseOf<Name>;
}

export function readUpdate(message: Message): JobUpdate {
  return readAs(updateSchema, message);
}

function readAs<T>(schema: z.ZodType<T>, message: Message): T {
  const parsed = schema.safeParse(fromMessage(message));
  if (parsed.success) return parsed.data;
  throw new BackupDataError('INTERNAL', 'the server answered what this release cannot read', {
    hint: 'Use the same release on both sides.',
    cause: parsed.error,
  });
}

/** An error that came from a server; one of a code that only a newer release has is still told. */
export function readErrorDocument(json: string): ErrorDocument | undefined {
  try {
    const { code, message, hint, retryable }: Record<string, unknown> = JSON.parse(json);
    return {
      code: typeof code === 'string' && isErrorCode(code) ? code : 'INTERNAL',
      message: String(message),
      hint: typeof hint === 'string' ? hint : null,
      retryable: retryable === true,
    };
  } catch {
    return undefined;
  }
}

/** `backupId` is `backup_id` in the file. */
export function snakeCase(key: PropertyKey): string {
  return String(key).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

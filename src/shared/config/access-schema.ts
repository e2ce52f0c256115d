import { z } from 'zod';
import { name, text } from './values.ts';

/** What somebody may do, each role what those before it may, too. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Whether that role may do what asks for `wanted`. */
export function includesRole(role: Role, wanted: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(wanted);
}

const pattern = z.string().refine((value) => /^[a-z0-9_.~*?-]{1,127}$/.test(value), {
  message: 'not a pattern of names; write shop, shop* or crm.*',
});

/** Of one token, in the configuration. */
export const tokenSchema = z.strictObject({
  name,
  role: z.enum(roles),
  /** Of the token, which stands nowhere. */
  sha256: z.string().refine((value) => /^[0-9a-f]{64}$/.test(value), {
    message:
      'not the SHA-256 of a token; `backupdata token create` prints it, and the token itself does not belong here',
  }),
  /** Only databases and servers whose names match one of these; `*` stands for any characters, `?` for one. */
  databases: z.array(pattern).min(1).optional(),
});

export type TokenConfig = z.output<typeof tokenSchema>;

/** Who may use the API and the console. */
export const authSchema = z
  .strictObject({
    tokens: z
      .array(tokenSchema)
      .superRefine((tokens, context) => {
        for (const key of ['name', 'sha256'] as const) {
          const seen = new Set<string>();
          for (const [index, each] of tokens.entries()) {
            if (seen.has(each[key]))
              context.addIssue({ code: 'custom', path: [index, key], message: repeated[key] });
            seen.add(each[key]);
          }
        }
      })
      .default([]),
  })
  .prefault({});

const repeated = {
  name: 'another token has this name',
  sha256: 'another token has this hash: each is for one person or program',
} as const;

/** Each thing that was changed or refused, as a line of JSON; to the log as well. */
export const auditSchema = z.strictObject({ file: text.optional() }).prefault({});

const origin = text.refine((url) => URL.canParse(url) && new URL(url).origin === url, {
  message: 'not an origin; write https://HOST or https://HOST:PORT',
});

export const apiSchema = z
  .strictObject({
    /** Pages of these origins may use the API with a token of their own. */
    cors: z.array(origin).default([]),
    /** How many proxies stand in front, each of which adds the address it was asked from to X-Forwarded-For. */
    trustedProxies: z.int().min(0).max(10).default(0),
  })
  .prefault({});

export const grpcSchema = z
  .strictObject({
    /** Files in PEM. With `clientAuthority` a client needs a certificate that it signed. */
    tls: z.strictObject({ certificate: text, key: text, clientAuthority: text.optional() }).optional(),
  })
  .prefault({});

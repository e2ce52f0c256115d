import { createHash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type { RunEvent } from '../../shared/queues/run-event.ts';
import { renderFields } from '../cli/output/fields.ts';
import { openConnection } from './connect.ts';
import { deliver, failed, hostOf, type NotifierOptions, type Recipient, refused } from './delivery.ts';
import { decoded } from './http.ts';
import type { Notifier } from './notifier.ts';
import { textOf } from './text.ts';

const width = 76;

/** Mail in plain text. TLS at once with smtps://, else as soon as the server offers it. */
export function createEmail(options: NotifierOptions<'email'>): Notifier {
  const { name, config, limits, lookup } = options;
  const url = new URL(config.url.reveal());
  const [host, secure] = [hostOf(url), url.protocol === 'smtps:'];
  const recipient: Recipient = { name, type: config.type, host };
  const port = url.port === '' ? (secure ? 465 : 587) : Number(url.port);
  const { allowPrivate } = config;
  return {
    name,
    notify: (event, given) =>
      deliver(recipient, { limit: limits.whole, signal: given }, async (signal) => {
        const limit = limits.connect;
        // Connected here, because the address has to be checked; TLS is nodemailer's part.
        const connection = await openConnection({
          ...{ recipient, host, port, secure: false, allowPrivate, lookup, limit, signal },
        });
        try {
          const transport = createTransport({ host, port, secure, connection, ...access(url, allowPrivate) });
          const { rejected = [], rejectedErrors = [] } = await transport
            .sendMail({ ...mailOf(event, options), signal })
            .catch((error) => {
              throw signal.aborted ? error : explained(recipient, error);
            });
          if (rejected.length > 0)
            throw notForAll(recipient, {
              codes: rejectedErrors.map(({ responseCode }) => responseCode),
              missing: rejected.length,
              all: config.to.length,
            });
        } finally {
          connection.destroy();
        }
      }),
  };
}

/** A password goes over the network only within TLS, unless the server may be of this machine or network. */
function access({ username, password }: URL, allowPrivate: boolean) {
  if (username === '') return {};
  const auth = { user: decoded(username), pass: decoded(password) };
  return { auth, requireTLS: !allowPrivate };
}

function mailOf(event: RunEvent, { name, config }: NotifierOptions<'email'>) {
  const { title, fields } = textOf(event);
  const { from, to } = config;
  return {
    from,
    to: [...to],
    subject: title,
    text: `${title}\n\n${renderFields(fields, width)}\n`,
    // The same for every attempt: a mail program shows one that came twice once.
    messageId: `<${createHash('sha256').update(`${name}\n${event.installation}\n${event.id}`).digest('hex')}@backupdata>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** Whoever had it gets it again where another may have it later: a mail program shows it once. */
function notForAll(
  recipient: Recipient,
  { codes, missing, all }: { codes: readonly (number | undefined)[]; missing: number; all: number },
): Error {
  const later = codes.find((code) => code !== undefined && code < 500);
  return later === undefined
    ? refused(recipient, `took the mail, but not for ${missing} of ${all}`, checkTo)
    : failed(recipient, `answered ${later} for ${missing} of ${all} recipients`);
}

const checkTo = 'Compare `from` and `to` of the notifier with what the mail server lets through.';

/** A reply of 5xx is the server's last word, any other failure is not. What it wrote may quote what it was given. */
function explained(recipient: Recipient, error: unknown): Error {
  const { responseCode, command = 'the greeting', code = 'it is unknown why' } = error as SmtpFailure;
  if (responseCode === undefined) return failed(recipient, `could not be told (${code})`, error);
  const what = `answered ${responseCode} to ${command}`;
  if (responseCode < 500) return failed(recipient, what, error);
  return refused(recipient, what, code === 'EAUTH' ? 'Check user and password of the URL.' : checkTo, error);
}

interface SmtpFailure {
  responseCode?: number;
  command?: string;
  code?: string;
}

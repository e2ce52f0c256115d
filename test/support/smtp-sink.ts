import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { createServer as createTlsServer } from 'node:tls';
import type { SinkTls } from './http-sink.ts';

export interface Mail {
  from: string;
  to: string[];
  /** Its lines as they came, headers first, without the dots that SMTP adds. */
  lines: string[];
}

/** A mail server that keeps what it is sent. */
export interface SmtpSink {
  port: number;
  mails: readonly Mail[];
  /** Every line that a client sent, of mails too. */
  seen: readonly string[];
  /** What it answers to the commands that begin so, such as `RCPT TO:<ops@example.com>` or `DATA`; `hang` for nothing at all. */
  answer(answers: Readonly<Record<string, string>>): void;
  /** Connections that were ever made, and those that are open. */
  connections(): { made: number; open: number };
  close(): Promise<void>;
}

/** On 127.0.0.1. */
export async function startSmtpSink(tls?: SinkTls): Promise<SmtpSink> {
  const mails: Mail[] = [];
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  let answers: Readonly<Record<string, string>> = {};
  let made = 0;
  const listener = (socket: Socket): void => {
    made += 1;
    sockets.add(socket);
    // Whoever sends may go away at any time.
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    const answer = (command: string, usual: string): boolean => {
      const key = Object.keys(answers).find((each) => command.startsWith(each));
      const text = key === undefined ? usual : (answers[key] ?? usual);
      if (text !== 'hang') socket.write(`${text}\r\n`);
      return text === usual;
    };
    answer('CONNECT', '220 sink ESMTP');
    converse(socket, { answer, mails, seen });
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    mails,
    seen,
    answer: (next) => {
      answers = next;
    },
    connections: () => ({ made, open: sockets.size }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Conversation {
  /** Whether it answered as usual. */
  answer(command: string, usual: string): boolean;
  mails: Mail[];
  seen: string[];
}

const usual: Readonly<Record<string, string>> = {
  EHLO: '250-sink\r\n250-AUTH PLAIN\r\n250 8BITMIME',
  AUTH: '235 welcome',
  MAIL: '250 ok',
  RCPT: '250 ok',
  DATA: '354 go on',
  QUIT: '221 bye',
};

function converse(socket: Socket, { answer, mails, seen }: Conversation): void {
  let mail: Mail = { from: '', to: [], lines: [] };
  let inData = false;
  const lines = createInterface({ input: socket });
  lines.on('error', () => undefined);
  lines.on('line', (line) => {
    seen.push(line);
    if (inData && line !== '.') return void mail.lines.push(line.replace(/^\./, ''));
    if (inData) {
      inData = false;
      if (answer('.', '250 taken')) mails.push(mail);
      mail = { from: '', to: [], lines: [] };
      return;
    }
    const command = line.slice(0, 4).toUpperCase();
    const taken = answer(line, usual[command] ?? '500 what?');
    const address = /<(.*?)>/.exec(line)?.[1] ?? '';
    if (taken && command === 'MAIL') mail.from = address;
    if (taken && command === 'RCPT') mail.to.push(address);
    if (taken && command === 'DATA') inData = true;
  });
}
